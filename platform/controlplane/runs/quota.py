"""A tenant's limits changed: what waits for them is looked at again, at once.

Called by doors, after the change, in the tenant's scope (`look_again`) or outside of any (`look_again_everywhere`,
for plans: one statement over the thin ledger, whatever the number of tenants).
"""

from __future__ import annotations

from datetime import datetime

from controlplane.foundation.db import execute, notify
from controlplane.ledger.transitions import add_items
from tenants.scope import require_tenant


def look_again(*, now: datetime) -> None:
    """Admission, and runs that wait for task-hours, of the tenant whose scope is open."""
    add_items(items=[("admit", None, now)])
    execute("runs/sql/hasten_starts.sql")
    notify("work", str(require_tenant()))


def look_at_silent() -> None:
    """Tasks of supervisors other than our agents, after the tenant's patience with them was changed."""
    execute("runs/sql/hasten_silent.sql")
    notify("work", str(require_tenant()))


def look_again_everywhere() -> None:
    """The same for all tenants in which tasks or runs may wait for a limit. Outside of a scope."""
    execute("runs/sql/hasten_everywhere.sql", using="scheduler")
    notify("work", using="scheduler")
