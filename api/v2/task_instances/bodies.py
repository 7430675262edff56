"""What callers send about task instances."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from api.v2.query import Zoned
from domain.states import TaskState


class InstancesBatchBody(BaseModel):
    """Filters of POST …/taskInstances/list."""

    model_config = ConfigDict(extra="forbid")

    dag_ids: list[str] | None = None
    dag_run_ids: list[str] | None = None
    task_ids: list[str] | None = None
    state: list[TaskState | None] | None = None
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
    executor: list[str] | None = None
    pool: list[str] | None = None
    queue: list[str] | None = None
    page_offset: NonNegativeInt = 0
    page_limit: NonNegativeInt = 100
    order_by: str | None = None
