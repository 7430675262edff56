"""Anything silent is found: attempts whose agent is gone, or that their agent no longer knows of.

Leases are the database's: an agent that has not beaten within its lease is gone, whatever its clock says.
A lost task attempt becomes a retry when tries are left, else a failure, with the reason stored; a lost parse
or build is given to another agent, three times at most. The epoch makes a late report of the old attempt
move nothing. Called by the maintenance service every second and by the gateway when an agent registers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify
from controlplane.ledger.rescue import lose_tasks
from tenants.scope import tenant_scope

log = structlog.get_logger("maintenance")

GIVE_UP_AFTER = 3

GiveUp = Mapping[str, Callable[..., None]]
"""What to do when parse or build work was lost too often: kind -> (ref, reason, now, using)."""


def rescue_lost(*, now: datetime, give_up: GiveUp, using: str = "scheduler") -> int:
    """Find and move every lost attempt; returns how many. One transaction per tenant."""
    by_tenant: defaultdict[UUID, list[tuple[str, UUID, int, int, str]]] = defaultdict(list)
    for tenant_id, kind, ref, epoch, attempts, reason in execute(
        "maintenance/sql/list_lost.sql", using=using
    ):
        by_tenant[tenant_id].append((kind, ref, epoch, attempts, reason))
    moved = 0
    for tenant_id, lost in by_tenant.items():
        moved += _rescue(tenant_id, lost, now, give_up, using)
    return moved


def _rescue(
    tenant_id: UUID,
    lost: list[tuple[str, UUID, int, int, str]],
    now: datetime,
    give_up: GiveUp,
    using: str,
) -> int:
    with tenant_scope(tenant_id, using=using):
        tasks = [(ref, epoch, reason) for kind, ref, epoch, _, reason in lost if kind == "task"]
        moved = lose_tasks(attempts=tasks, now=now, using=using) if tasks else set()
        others = [
            (kind, ref, epoch, attempts, reason)
            for kind, ref, epoch, attempts, reason in lost
            if kind != "task"
        ]
        for kind, ref, epoch, attempts, reason in others:
            if attempts >= GIVE_UP_AFTER and kind in give_up:
                give_up[kind](ref=ref, reason=f"{reason}; tried {attempts} times", now=now, using=using)
                execute("ledger/sql/drop_workload.sql", using=using, kind=kind, ref=ref, epoch=epoch)
            else:
                execute("maintenance/sql/free_workload.sql", using=using, kind=kind, ref=ref, epoch=epoch)
        notify("work", str(tenant_id), using=using)
        if others:
            notify("workload", "", using=using)
        crashpoint("maintenance.rescue.before_commit")
    crashpoint("maintenance.rescue.after_commit")
    for kind, ref, epoch, _, reason in lost:
        log.warning("attempt.lost", tenant=str(tenant_id), work=kind, id=str(ref), epoch=epoch, reason=reason)
    return len(moved) + len(others)
