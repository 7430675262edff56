"""What callers send to clear runs, and to change many."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BulkRun(BaseModel):
    """One of a bulk request."""

    model_config = ConfigDict(extra="forbid")

    dag_run_id: str
    dag_id: str | None = None
    state: Literal["queued", "success", "failed"] | None = None
    note: str | None = Field(None, max_length=1000)


class ClearBody(BaseModel):
    """POST …/{dag_run_id}/clear."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = True
    only_failed: bool = False
    only_new: bool = False
    run_on_latest_version: bool | None = None
    note: str | None = Field(None, max_length=1000)

    @model_validator(mode="before")
    @classmethod
    def check(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("only_new") and data.get("only_failed"):
            raise ValueError("only_new and only_failed are mutually exclusive")
        return data


class Partitions(BaseModel):
    """Runs of a partition, or of partitions by date: one way to name runs, among others."""

    model_config = ConfigDict(extra="forbid")

    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None

    def check_one_of(self, other: bool, name: str) -> None:
        """Raises ValueError unless exactly one way is used. `other`: whether the way called `name` is."""
        start, end = self.partition_date_start, self.partition_date_end
        if sum([other, self.partition_key is not None, start is not None or end is not None]) != 1:
            raise ValueError(
                f"Exactly one of {name}, partition_key, or a partition date window "
                "(partition_date_start / partition_date_end) must be provided."
            )
        if start is not None and end is not None and start > end:
            raise ValueError("partition_date_start must be on or before partition_date_end.")


class BulkClearBody(ClearBody, Partitions):
    """POST …/clearDagRuns: runs by name, or those of a partition."""

    dag_runs: list[BulkRun] = Field(default_factory=list)

    @model_validator(mode="after")
    def check_selection(self) -> Self:
        self.check_one_of(bool(self.dag_runs), "dag_runs (non-empty)")
        return self


class ClearPartitionsBody(Partitions):
    """POST …/clearPartitions."""

    run_id: str | None = None
    clear_task_instances: bool = False
    dry_run: bool = True

    @model_validator(mode="after")
    def check_selection(self) -> Self:
        self.check_one_of(self.run_id is not None, "run_id")
        return self
