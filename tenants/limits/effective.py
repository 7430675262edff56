"""What holds for one tenant: its override, or its organisation's, or its plan's limit, and no more than it set for
itself. Pure.

Called with the JSON objects as the database keeps them: by the doors (`tenants.limits.read`) and by the scheduler's
admission, which reads them, one laid over the other, in its one statement about pools (the view `app.tenant_bound`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tenants.limits.published import BY_NAME, LIMITS, Limit, Limits, Value

DEFAULT_BACKFILL_SHARE = 0.5
NOTHING: Limits = MappingProxyType({})
SOURCES = ("plan", "organisation", "override", "own", "none")
"""Whose a limit is: the plan of the tenant (or the default one), its organisation's (what that was given, or its
plan), an override of the tenant, the tenant's own, nobody's."""


@dataclass(frozen=True, slots=True)
class Effective:
    """One limit of one tenant. `source`: one of `SOURCES`."""

    name: str
    value: Value | None
    source: str
    bound: Value | None
    """What the tenant's own value may not pass; None: nothing."""


def effective(
    *,
    plan: Limits,
    overrides: Limits,
    own: Limits,
    organisation: Limits = NOTHING,
    plan_source: str = "plan",
) -> dict[str, Effective]:
    """Every published limit. Values are as `published.checked` leaves them; unknown names are passed over.

    `plan_source`: whose the plan's limits are (`plan` or `organisation`).
    """
    return {
        limit.name: _one(
            limit,
            over=((overrides, "override"), (organisation, "organisation"), (plan, plan_source)),
            own=own,
        )
        for limit in LIMITS
    }


def bounds(names: Iterable[str], *, given: Limits, own: Limits) -> dict[str, Effective]:
    """The same of a few limits, from what the tenant was given in all (`app.tenant_bound`): for the admission."""
    return {name: _one(BY_NAME[name], over=((given, "plan"),), own=own) for name in names}


def _one(limit: Limit, *, over: tuple[tuple[Limits, str], ...], own: Limits) -> Effective:
    """The first of `over` that names it says what is given; null there is no limit."""
    name = limit.name
    bound, source = next(((held[name], whose) for held, whose in over if name in held), (None, "none"))
    value = bound
    mine = own.get(name) if limit.own else None
    if mine is not None and (bound is None or mine <= bound):
        value, source = mine, "own"
    return Effective(name, value, source if value is not None else "none", bound)


def own_limits(*, max_active_tasks: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the tenant set for itself: `settings["limits"]`, and the two that are older than the list."""
    own = dict(settings.get("limits") or {})
    own["concurrent_tasks"] = max_active_tasks
    if "backfill_share" in settings:
        own["backfill_share"] = settings["backfill_share"]
    return own


def concurrent_tasks(found: Mapping[str, Effective]) -> int:
    """How many tasks may be queued or running: the quota, and what the memory of all of them allows."""
    most = found["concurrent_tasks"].value
    total, each = found["total_memory_mib"].value, found["task_memory_mib"].value
    if total is not None and each is not None:
        fits = max(int(total // each), 1)
        most = fits if most is None else min(most, fits)
    return 2**31 - 1 if most is None else int(most)
