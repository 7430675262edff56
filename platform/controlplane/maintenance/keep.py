"""A tenant says how long it keeps what has ended. Called by the portal, in the tenant's scope."""

from __future__ import annotations

from datetime import datetime

from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.retention import Retention
from tenants.scope import require_tenant

FIELDS = (
    "runs_days",
    "logs_days",
    "xcoms_days",
    "alerts_days",
    "events_days",
    "usage_days",
    "bundles_days",
    "audit_days",
)
HOURS = ("from_hour", "until_hour")


def keep(*, days: dict[str, int | None], now: datetime) -> Retention:
    """Days by field, None for ever, and the hours (UTC) in which it is done, None for any. What is not named is None.

    The first round of pruning begins within a minute, or with the hours."""
    tenant = require_tenant()
    row = Retention.objects.select_for_update().first() or Retention(tenant_id=tenant)
    for field in (*FIELDS, *HOURS):
        if getattr(row, field) != days.get(field) and field in ("logs_days", "xcoms_days"):
            setattr(row, field.replace("_days", "_until"), None)
        setattr(row, field, days.get(field))
    row.changed_at = now
    row.save()
    execute("maintenance/sql/ask_prune.sql", tenant=tenant, now=now)
    notify("errand")
    return row
