"""An agent asks for triggers: up to its capacity, fairly over tenants (the door sees to that), leased as tasks are.

Before: inside the tenant's scope. After: the workloads are the agent's, and it knows all it needs: the trigger,
the code, the log of the task's try, and a token with which the trigger asks as its task does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.executors.local import AgentRef
from controlplane.foundation.db import execute
from taskwire.workload import BundleRef, TriggerWork, Workload


def claim_triggers(
    *,
    tenant_id: UUID,
    slug: str,
    agent: AgentRef,
    batch: int,
    now: datetime,
    issue_token: Callable[..., str],
    log_place: Callable[..., tuple[str, int]],
    using: str,
) -> list[Workload]:
    """Up to `batch` triggers of one tenant, now held by `agent`, and no more than the tenant may run at once."""
    if limit := execute("triggerer/sql/lock_limit.sql", using=using):
        # In a statement of its own: the next one sees what others claimed before they let go of the lock.
        running = execute("triggerer/sql/count_running.sql", using=using)[0][0]
        batch = min(batch, max(int(limit[0][0]) - running, 0))
        if batch == 0:
            return []
    rows = execute(
        "triggerer/sql/claim_triggers.sql",
        using=using,
        queues=list(agent.queues),
        batch=batch,
        agent=agent.id,
        agent_epoch=agent.epoch,
    )
    return [_workload(row, tenant_id, slug, now, issue_token, log_place) for row in rows]


def _workload(
    row: tuple[Any, ...],
    tenant_id: UUID,
    slug: str,
    now: datetime,
    issue_token: Callable[..., str],
    log_place: Callable[..., tuple[str, int]],
) -> Workload:
    (
        trigger_id, epoch, classpath, kwargs, timeout_at, starts, assets, digest, commit, runtime, path,
        task_instance, dag_id, run_id, task_id, map_index, try_number, version, queue, pool_slots, weight, max_tries,
        *run,
    ) = row  # fmt: skip
    work = TriggerWork(
        classpath=classpath,
        kwargs=kwargs,
        timeout_at=timeout_at.isoformat() if timeout_at else None,
        assets=assets or {},
        token=issue_token(
            tenant_id=tenant_id,
            task_instance_id=trigger_id,
            epoch=epoch,
            try_number=try_number or 0,
            now=now,
        ),
    )
    if task_instance is not None:
        work.log_key, work.log_offset = log_place(
            resumed=True,
            tenant_id=tenant_id,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            try_number=try_number,
        )
        work.ti = {
            "id": str(task_instance),
            "task_id": task_id,
            "dag_id": dag_id,
            "run_id": run_id,
            "try_number": try_number,
            "map_index": map_index,
            "dag_version_id": str(version),
            "pool_slots": pool_slots,
            "queue": queue,
            "priority_weight": weight,
        }
        if starts:
            work.dag_rel_path = path
            work.dag_run = _dag_run(dag_id, run_id, run)
            work.max_tries = max_tries
    return Workload(
        id=str(trigger_id),
        tenant_id=str(tenant_id),
        tenant=slug,
        epoch=epoch,
        kind="trigger",
        queue=queue or "default",
        runtime_digest=runtime or "",
        bundle=BundleRef(digest=digest, version=commit or digest),
        trigger=work,
    )


def _dag_run(dag_id: str, run_id: str, run: list[Any]) -> dict[str, Any]:
    """What templates of a task that begins in its trigger may name of its run."""
    run_type, state, logical_date, start, end, run_after, began, clear_number, conf, partition_key = run

    def iso(value: datetime | None) -> str | None:
        return None if value is None else value.isoformat()

    return {
        "dag_id": dag_id,
        "run_id": run_id,
        "run_type": run_type,
        "state": state,
        "logical_date": iso(logical_date),
        "data_interval_start": iso(start),
        "data_interval_end": iso(end),
        "run_after": iso(run_after),
        "start_date": iso(began),
        "end_date": None,
        "clear_number": clear_number,
        "conf": conf or {},
        "consumed_asset_events": [],
        "partition_key": partition_key,
    }
