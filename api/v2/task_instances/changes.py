"""What callers send to change task instances: Airflow's bodies, with its own messages."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator

from api.v2.query import Zoned

Note = Annotated[str, StringConstraints(max_length=1000)]
MARKS = ["success", "failed", "skipped"]


class ClearBody(BaseModel):
    """POST …/clearTaskInstances."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = True
    start_date: Zoned | None = None
    end_date: Zoned | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: list[str | tuple[str, int]] | None = None
    dag_run_id: str | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: Note | None = None

    @model_validator(mode="before")
    @classmethod
    def check(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        start, end, run = data.get("start_date"), data.get("end_date"), data.get("dag_run_id")
        if data.get("only_failed") and data.get("only_running"):
            raise ValueError("only_failed and only_running both are set to True")
        if start and end and str(start) > str(end):
            raise ValueError("end_date is sooner than start_date")
        if start and end and run:
            raise ValueError("Exactly one of dag_run_id or (start_date and end_date) must be provided")
        if start and run:
            raise ValueError("Exactly one of dag_run_id or start_date must be provided")
        if end and run:
            raise ValueError("Exactly one of dag_run_id or end_date must be provided")
        if isinstance(data.get("task_ids"), list) and not data["task_ids"]:
            raise ValueError("task_ids list should have at least 1 element.")
        return data


class PatchBody(BaseModel):
    """PATCH of one task instance, or of a group's."""

    model_config = ConfigDict(extra="forbid")

    new_state: str | None = None
    note: Note | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False

    @field_validator("new_state", mode="before")
    @classmethod
    def check_state(cls, given: Any) -> str:
        if given is None:
            raise ValueError("'new_state' should not be empty")
        wanted = str(given).lower()
        if wanted not in MARKS:
            raise ValueError(f"'{wanted}' is not one of {MARKS}")
        return wanted


class BulkEntity(PatchBody):
    """One of a bulk request."""

    task_id: str
    map_index: int | None = None
    dag_id: str | None = None
    dag_run_id: str | None = None
