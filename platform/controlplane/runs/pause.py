"""A DAG is paused or resumed. Paused: no new runs begin, running tasks go on (as in Airflow)."""

from __future__ import annotations

from datetime import datetime

from controlplane.foundation.db import notify
from controlplane.ledger.assets import wake_dags, wake_watchers
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.transitions import add_items
from controlplane.runs.plan import plan_next
from controlplane.runs.trigger import DagUnknown
from tenants.audit.record import record_change
from tenants.scope import current_tenant


def set_paused(*, dag_id: str, is_paused: bool, now: datetime, using: str = "default") -> Dag:
    """Set the flag; on resume plan the next run and let queued runs begin. Raises DagUnknown."""
    dag = Dag.objects.using(using).filter(dag_id=dag_id).first()
    if dag is None:
        raise DagUnknown(f"There is no DAG {dag_id!r}.")
    Dag.objects.using(using).filter(id=dag.id).update(is_paused=is_paused, pause_reason=None)
    record_change(
        action="dag.paused" if is_paused else "dag.resumed",
        target=f"dag:{dag_id}",
        before={"is_paused": dag.is_paused, "pause_reason": dag.pause_reason},
        after={"is_paused": is_paused, "pause_reason": None},
        using=using,
    )
    dag.is_paused, dag.pause_reason = is_paused, None
    plan_next(dags=[dag.id], now=now, using=using)
    wake_watchers(dag_ids=[dag_id], now=now, using=using)
    if not is_paused:
        add_items(items=[("start_runs", dag.id, now)], using=using)
        wake_dags(dag_ids=[dag_id], now=now, using=using)
        notify("work", str(current_tenant(using=using)), using=using)
    return dag
