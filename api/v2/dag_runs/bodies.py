"""What callers send about runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator

from api.v2.query import Zoned


class TriggerBody(BaseModel):
    """`logical_date` must be given, null for none."""

    model_config = ConfigDict(extra="forbid")

    dag_run_id: str | None = Field(None, max_length=250)
    data_interval_start: Zoned | None = None
    data_interval_end: Zoned | None = None
    logical_date: Zoned | None
    run_after: datetime | None = None
    conf: dict[str, Any] | None = Field(default_factory=dict)
    note: str | None = None
    partition_key: str | None = None

    @model_validator(mode="after")
    def check_data_intervals(self) -> Self:
        if (self.data_interval_start is None) != (self.data_interval_end is None):
            raise ValueError(
                "Either both data_interval_start and data_interval_end must be provided or both must be None"
            )
        return self


class PatchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["queued", "success", "failed"] | None = None
    note: str | None = Field(None, max_length=1000)


class RunsBatchBody(BaseModel):
    """Filters of POST …/dagRuns/list."""

    model_config = ConfigDict(extra="forbid")

    order_by: str | None = None
    page_offset: NonNegativeInt = 0
    page_limit: NonNegativeInt = 100
    dag_ids: list[str] | None = None
    states: list[Literal["queued", "running", "success", "failed"] | None] | None = None
    run_after_gte: Zoned | None = None
    run_after_gt: Zoned | None = None
    run_after_lte: Zoned | None = None
    run_after_lt: Zoned | None = None
    logical_date_gte: Zoned | None = None
    logical_date_gt: Zoned | None = None
    logical_date_lte: Zoned | None = None
    logical_date_lt: Zoned | None = None
    start_date_gte: Zoned | None = None
    start_date_gt: Zoned | None = None
    start_date_lte: Zoned | None = None
    start_date_lt: Zoned | None = None
    end_date_gte: Zoned | None = None
    end_date_gt: Zoned | None = None
    end_date_lte: Zoned | None = None
    end_date_lt: Zoned | None = None
    duration_gte: float | None = None
    duration_gt: float | None = None
    duration_lte: float | None = None
    duration_lt: float | None = None
    conf_contains: str | None = None
