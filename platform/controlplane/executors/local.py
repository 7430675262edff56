"""The local executor: agents that this installation runs itself claim workloads through the gateway.

`claim_tasks` is called by the gateway for an agent that asked for work. Claiming is starting: the rows are
`running` under that agent, with their epoch, before the agent hears of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify
from controlplane.ledger.run_context import run_context
from taskwire.workload import BundleRef, Limits, TaskWork, Workload
from tenants.tenant_names import address_of

CHANNEL = "workload"
"""Tasks were dispatched. `foundation.db.ORDERS` is the same for parse and build work."""


@dataclass(frozen=True, slots=True)
class AgentRef:
    """Which agent process: its row, its epoch, its host and queues."""

    id: UUID
    epoch: int
    hostname: str
    queues: Sequence[str]


class LocalExecutor:
    """See the module."""

    name = "local"

    def wake(self, *, using: str) -> None:
        notify(CHANNEL, "", using=using)


def waiting_tenants(*, using: str) -> list[tuple[UUID, str, int, int]]:
    """(tenant, kind, waiting, active) of every tenant with unclaimed workloads. Thin ledger."""
    rows = execute("executors/sql/waiting_tenants.sql", using=using)
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def claim_tasks(
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
    """Up to `batch` task workloads of one tenant, now running under `agent`. Inside the tenant's scope.

    `issue_token` and `log_place` are `execution`'s, handed in by the door: services stay strangers.
    """
    rows = execute(
        "ledger/sql/start_tasks.sql",
        using=using,
        queues=list(agent.queues),
        batch=batch,
        hostname=agent.hostname,
        agent=agent.id,
        agent_epoch=agent.epoch,
        now=now,
    )
    crashpoint("executors.claim.before_commit")
    return [_workload(row, tenant_id, slug, agent, now, issue_token, log_place) for row in rows]


def _workload(
    row: tuple[Any, ...],
    tenant_id: UUID,
    slug: str,
    agent: AgentRef,
    now: datetime,
    issue_token: Callable[..., str],
    log_place: Callable[..., tuple[str, int]],
) -> Workload:
    (
        task_instance, epoch, dag_id, run_id, task_id, map_index, try_number, _, version, queue, *_rest
    ) = row  # fmt: skip
    digest, commit, runtime, content_hash, path, fresh = row[27:33]
    memory_mib, log_bytes, cpu_millis = row[33:36]
    log_key, log_offset = log_place(
        resumed=bool(row[10] or row[12]),
        tenant_id=tenant_id,
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        try_number=try_number,
    )
    return Workload(
        id=str(task_instance),
        tenant_id=str(tenant_id),
        tenant=slug,
        epoch=epoch,
        kind="task",
        queue=queue,
        runtime_digest=runtime,
        bundle=BundleRef(digest=digest, version=commit or digest),
        limits=Limits(
            memory_bytes=memory_mib and memory_mib * 2**20, log_bytes=log_bytes, cpu_millis=cpu_millis
        ),
        task=TaskWork(
            ti={
                "id": str(task_instance),
                "task_id": task_id,
                "dag_id": dag_id,
                "run_id": run_id,
                "try_number": try_number,
                "map_index": map_index,
                "dag_version_id": str(version),
                "hostname": agent.hostname,
                "context_carrier": {},
                "queue": queue,
            },
            ti_context=run_context(row),
            dag_rel_path=path,
            dag_version=content_hash,
            token=issue_token(
                tenant_id=tenant_id,
                task_instance_id=task_instance,
                epoch=epoch,
                try_number=try_number,
                now=now,
            ),
            log_key=log_key,
            log_offset=log_offset,
            started_at=row[13].isoformat(),
            fresh_parse=bool(fresh),
            base_url=address_of(slug),
        ),
    )


def claim_other(
    *,
    tenant_id: UUID,
    slug: str,
    agent: AgentRef,
    batch: int,
    kinds: Sequence[str],
    payloads: Mapping[str, Callable[..., Workload | None]],
    now: datetime,
    using: str,
) -> list[Workload]:
    """Work of these kinds of one tenant for `agent`: parses and builds, or callbacks. Inside the tenant's scope.

    `payloads[kind](ref=, epoch=, tenant_id=, slug=, using=)` makes the workload; None drops it (nothing to do).
    """
    rows = execute(
        "executors/sql/claim_other.sql",
        using=using,
        batch=batch,
        kinds=list(kinds),
        agent=agent.id,
        agent_epoch=agent.epoch,
        now=now,
    )
    out = []
    for kind, ref, epoch in rows:
        workload = payloads[kind](ref=ref, epoch=epoch, tenant_id=tenant_id, slug=slug, using=using)
        if workload is None:
            execute("ledger/sql/drop_workload.sql", using=using, kind=kind, ref=ref, epoch=epoch)
        else:
            out.append(workload)
    return out
