"""How many slots of each pool are taken, and by what: one statement for a whole page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Sum

from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance

_SHOWN = ("running", "queued", "scheduled", "deferred")


def pool_responses(pools: list[Pool]) -> list[dict[str, Any]]:
    """PoolResponse of each."""
    taken = slots_taken(pool.name for pool in pools)
    return [_response(pool, taken.get(pool.name, Counter())) for pool in pools]


def slots_taken(names: Iterable[str]) -> dict[str, Counter[str]]:
    """pool -> state -> slots."""
    rows = (
        TaskInstance.objects.filter(pool__in=list(names), state__in=_SHOWN)
        .values_list("pool", "state")
        .annotate(slots=Sum("pool_slots"))
    )
    taken: dict[str, Counter[str]] = {}
    for pool, state, slots in rows:
        taken.setdefault(pool, Counter())[str(state)] += slots
    return taken


def _response(pool: Pool, taken: Counter[str]) -> dict[str, Any]:
    occupied = taken["running"] + taken["queued"] + (taken["deferred"] if pool.include_deferred else 0)
    return {
        "name": pool.name,
        "slots": pool.slots,
        "description": pool.description,
        "include_deferred": pool.include_deferred,
        "occupied_slots": occupied,
        "running_slots": taken["running"],
        "queued_slots": taken["queued"],
        "scheduled_slots": taken["scheduled"],
        "open_slots": -1 if pool.slots == -1 else pool.slots - occupied,
        "deferred_slots": taken["deferred"],
        "team_name": None,
    }
