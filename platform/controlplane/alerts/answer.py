"""Somebody answers an alert: acknowledged, it stops to repeat and to escalate; resolved, it is over."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.ledger.models.alert import Alert
from controlplane.ledger.transitions import add_items


class AlertUnknown(LookupError):
    """The tenant has no such alert."""


class AlertOver(ValueError):
    """It was resolved before."""


def answer(*, alert: UUID, state: str, by: str, now: datetime) -> Alert:
    """`acknowledged` or `resolved`. Twice the same is once. Raises AlertUnknown, AlertOver."""
    row = Alert.objects.select_related("rule").select_for_update(of=("self",)).filter(id=alert).first()
    if row is None:
        raise AlertUnknown(f"this tenant has no alert {alert}")
    if row.state == state:
        return row
    if row.state == "resolved":
        raise AlertOver("the alert was resolved before")
    row.state, row.tell_at = state, None
    if state == "acknowledged":
        row.acknowledged_at, row.acknowledged_by = now, by[:150]
    else:
        row.resolved_at, row.resolved_by = now, by[:150]
        if row.notified_at is not None:
            add_items(items=[("alert_tell", row.id, now)])
    row.save()
    return row
