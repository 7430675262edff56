"""What a caller may say of a backfill."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.v2.query import aware
from controlplane.runs.backfill import Asked, reruns_on_latest


class BackfillBody(BaseModel):
    """Airflow's BackfillPostBody."""

    model_config = ConfigDict(extra="forbid")

    dag_id: str
    from_date: datetime
    to_date: datetime
    run_backwards: bool = False
    dag_run_conf: dict[str, Any] | None = None
    reprocess_behavior: Literal["failed", "completed", "none"] = "none"
    max_active_runs: Annotated[int, Field(le=2**31 - 1)] = 10
    run_on_latest_version: bool | None = None

    def asked(self) -> Asked:
        """As the service takes it; instants without a time zone are in UTC."""
        return Asked(
            dag_id=self.dag_id,
            from_date=aware(self.from_date),
            to_date=aware(self.to_date),
            backwards=self.run_backwards,
            reprocess=self.reprocess_behavior,
            max_active_runs=self.max_active_runs,
            conf=self.dag_run_conf,
            latest=reruns_on_latest(dag_id=self.dag_id, wanted=self.run_on_latest_version),
        )
