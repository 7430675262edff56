"""Anything silent is found: attempts whose agent is gone, or that their agent no longer knows of.

Leases are the database's: an agent that has not beaten within its lease is gone, whatever its clock says.
A lost task attempt becomes a retry when tries are left, else a failure, with the reason stored; a lost parse
or build is given to another agent, three times at most; a lost trigger is handed on for as long as its task
waits. The epoch makes a late report of the old attempt move nothing. Called by the maintenance service every
second and by the gateway when an agent registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import ORDERS, execute, notify
from controlplane.ledger.clearing import let_go
from controlplane.ledger.deferral import release_triggers
from controlplane.ledger.rescue import lose_tasks
from controlplane.ledger.transitions import hand_back_tasks
from tenants.scope import tenant_scope

log = structlog.get_logger("maintenance")

GIVE_UP_AFTER = 3

GiveUp = Mapping[str, Callable[..., None]]
"""What to do when parse or build work was lost too often: kind -> (ref, reason, now, using)."""


@dataclass(frozen=True, slots=True)
class _Lost:
    kind: str
    ref: UUID
    epoch: int
    attempts: int
    unheard: bool
    reason: str


def rescue_lost(*, now: datetime, give_up: GiveUp, using: str = "scheduler") -> int:
    """Find and move every lost attempt; returns how many. One transaction per tenant."""
    return sum(
        _rescue(tenant_id, now, give_up, using)
        for tenant_id in dict.fromkeys(t for t, _ in _list(None, using))
    )


def _list(tenant_id: UUID | None, using: str) -> list[tuple[UUID, _Lost]]:
    rows = execute("maintenance/sql/list_lost.sql", using=using, tenant=tenant_id)
    return [(row[0], _Lost(*row[1:])) for row in rows]


def _rescue(tenant_id: UUID, now: datetime, give_up: GiveUp, using: str) -> int:
    with tenant_scope(tenant_id, using=using):
        # Looked at again: an agent that only was late may have beaten since.
        lost = [one for _, one in _list(tenant_id, using)]
        moved = _rescue_tasks([one for one in lost if one.kind == "task"], now, using)
        if triggers := [(one.ref, one.epoch) for one in lost if one.kind == "trigger"]:
            release_triggers(attempts=triggers, using=using)
        others = [one for one in lost if one.kind not in ("task", "trigger")]
        for one in others:
            _rescue_other(one, now, give_up, using)
        if lost:
            notify("work", str(tenant_id), using=using)
        if others:
            notify(ORDERS, using=using)
        crashpoint("maintenance.rescue.before_commit")
    crashpoint("maintenance.rescue.after_commit")
    for one in lost:
        log.warning(
            "attempt.lost",
            tenant=str(tenant_id),
            work=one.kind,
            id=str(one.ref),
            epoch=one.epoch,
            reason=one.reason,
        )
    return moved + len(triggers) + len(others)


def _rescue_tasks(lost: list[_Lost], now: datetime, using: str) -> int:
    """A claim whose answer never reached its agent cost nothing: its task is scheduled again, no try spent."""
    moved = 0
    if unheard := [(one.ref, one.epoch) for one in lost if one.unheard]:
        moved += len(hand_back_tasks(attempts=unheard, now=now, using=using))
    if gone := [(one.ref, one.epoch, one.reason) for one in lost if not one.unheard]:
        moved += len(lose_tasks(attempts=gone, now=now, using=using))
    if lost:
        # What had been told to stop is over with its agent.
        moved += len(let_go(attempts=[(one.ref, one.epoch) for one in lost], now=now, using=using))
    return moved


def _rescue_other(one: _Lost, now: datetime, give_up: GiveUp, using: str) -> None:
    where = {"using": using, "kind": one.kind, "ref": one.ref, "epoch": one.epoch}
    if one.attempts >= GIVE_UP_AFTER and one.kind in give_up:
        reason = f"{one.reason}; tried {one.attempts} times"
        give_up[one.kind](ref=one.ref, reason=reason, now=now, using=using)
        execute("ledger/sql/drop_workload.sql", **where)
    else:
        execute("maintenance/sql/free_workload.sql", **where)
