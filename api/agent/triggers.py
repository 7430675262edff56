"""What the gateway answers to an agent's triggerer, as plain functions on threads."""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

from controlplane.execution import tokens
from controlplane.executors.agents import current_agent
from controlplane.foundation.clock import utc_now
from controlplane.triggerer.beat import GONE, waiting_tries
from controlplane.triggerer.beat import beat_triggers as compare
from taskwire.agent import BeatResult, TriggerBeat
from tenants.scope import tenant_scope

THIN = "scheduler"
REFRESH_SECONDS = 150.0
_issued_at: dict[str, dict[tuple[str, int], float]] = {}
"""By agent: when each of its triggers got its token, as far as this process knows."""


def beat_triggers(message: TriggerBeat) -> BeatResult:
    """Which triggers must stop; fresh tokens for those that run long, and a look whether their tasks still wait."""
    current_agent(agent_id=message.agent_id, epoch=message.epoch, using=THIN)
    stop = compare(agent_id=message.agent_id, agent_epoch=message.epoch, held=message.held, using=THIN)
    ended = {(ref, epoch) for ref, epoch, _ in stop}
    fresh, over = _fresh_tokens(
        message.agent_id, [one for one in message.held if (one[1], one[2]) not in ended]
    )
    return BeatResult(stop=[*stop, *over], tokens=fresh)


def _fresh_tokens(
    agent_id: str, held: list[tuple[str, str, int]]
) -> tuple[dict[str, str], list[tuple[str, int, str]]]:
    now = time.monotonic()
    before = _issued_at.get(agent_id, {})
    known = _issued_at[agent_id] = {(ref, epoch): before.get((ref, epoch), now) for _, ref, epoch in held}
    due: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for tenant_id, ref, epoch in held:
        if now - known[ref, epoch] > REFRESH_SECONDS:
            due[tenant_id].append((ref, epoch))
    fresh: dict[str, str] = {}
    over: list[tuple[str, int, str]] = []
    for tenant_id, keys in due.items():
        with tenant_scope(UUID(tenant_id)):
            found = waiting_tries(held=[(UUID(ref), epoch) for ref, epoch in keys])
        for row_id, epoch, try_number in found:
            fresh[str(row_id)] = tokens.issue(
                tenant_id=UUID(tenant_id),
                task_instance_id=row_id,
                epoch=epoch,
                try_number=try_number,
                now=utc_now(),
            )
            known[str(row_id), epoch] = now
        waiting = {(str(row_id), epoch) for row_id, epoch, _ in found}
        over += [(*key, GONE) for key in keys if key not in waiting]
    return fresh, over
