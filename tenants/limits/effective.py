"""What holds for one tenant: its override or its plan's limit, and no more than it set for itself. Pure.

Called with the three JSON objects as the database keeps them: by the doors (`tenants.limits.read`) and by the
scheduler's admission, which reads them in its one statement about pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tenants.limits.published import LIMITS, Limits, Value

DEFAULT_BACKFILL_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Effective:
    """One limit of one tenant. `source`: `override`, `plan`, `own` (the tenant's), or `none`."""

    name: str
    value: Value | None
    source: str
    bound: Value | None
    """What the tenant's own value may not pass; None: nothing."""


def effective(*, plan: Limits, overrides: Limits, own: Limits) -> dict[str, Effective]:
    """Every published limit. Values are as `published.checked` leaves them; unknown names are passed over."""
    out = {}
    for limit in LIMITS:
        name = limit.name
        source = "override" if name in overrides else "plan"
        bound = overrides[name] if name in overrides else plan.get(name)
        value = bound
        mine = own.get(name) if limit.own else None
        if mine is not None and (bound is None or mine <= bound):
            value, source = mine, "own"
        out[name] = Effective(name, value, source if value is not None else "none", bound)
    return out


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
