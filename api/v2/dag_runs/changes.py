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


class BulkClearBody(ClearBody):
    """POST …/clearDagRuns: runs by name, or those of a partition."""

    dag_runs: list[BulkRun] = Field(default_factory=list)
    partition_key: str | None = None
    partition_date_start: datetime | None = None
    partition_date_end: datetime | None = None

    @model_validator(mode="after")
    def check_selection(self) -> Self:
        window = self.partition_date_start is not None or self.partition_date_end is not None
        if sum([bool(self.dag_runs), self.partition_key is not None, window]) != 1:
            raise ValueError(
                "Exactly one of dag_runs (non-empty), partition_key, or a partition date window "
                "(partition_date_start / partition_date_end) must be provided."
            )
        start, end = self.partition_date_start, self.partition_date_end
        if start is not None and end is not None and start > end:
            raise ValueError("partition_date_start must be on or before partition_date_end.")
        return self
