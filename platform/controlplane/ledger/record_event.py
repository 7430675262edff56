"""Writes the event log: who did what, when. Called by the doors, in the transaction of the deed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.serials import next_serial
from tenants.scope import require_tenant


def record_event(
    *,
    event: str,
    owner: str | None,
    now: datetime,
    extra: Any = None,
    using: str = "default",
    **about: Any,
) -> None:
    """One row in the tenant in scope. `about`: dag_id, task_id, run_id, map_index, try_number, logical_date.

    `extra` is JSON without secrets: whoever calls has masked it.
    """
    EventLog(
        tenant_id=require_tenant(using=using),
        serial=next_serial("event_log", using=using),
        when=now,
        event=event,
        owner=owner,
        extra=extra,
        **about,
    ).save(using=using, force_insert=True)
