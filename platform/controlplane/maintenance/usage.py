"""Usage: attempts are counted once into days and months, storage is counted where it is limited, budgets are held against it.

Before: attempts ended (`attempt_usage` rows; ledger/sql/finish_tasks.sql adds a `usage` item at most a minute
ahead). After: every row is in the sums, in the transaction that marked it. Called by the scheduler as the handler
of those items, in the tenant's scope: a tenant where nothing ends costs nothing.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute, notify
from controlplane.maintenance.budgets import burn_budgets

BATCH = 5000


def count_usage(*, using: str) -> int:
    """Count all that is not counted yet; returns how many rows. The tenant's scope is open."""
    total = 0
    while True:
        found = int(execute("maintenance/sql/count_usage.sql", using=using, batch=BATCH)[0][0])
        total += found
        if found < BATCH:
            return total


def usage_due(*, ref: UUID | None, now: datetime, using: str) -> None:
    """The handler of `usage` items."""
    count_usage(using=using)
    execute("maintenance/sql/count_held.sql", using=using, now=now, anyway=False)
    if execute("maintenance/sql/ask_measure.sql", using=using, now=now):
        notify("errand", using=using)
    burn_budgets(now=now, using=using)
