"""An alert becomes notifications: one row per channel, sent by `deliver.py`; and who is next if nobody answers.

Work items of the scheduler, in the tenant's scope: `alert_tell` (the group had its time to gather, or it repeats, or it
is over), `alert_escalate` (nobody acknowledged a page). Nothing is sent here: a slow receiver holds no transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.alerts.links import alert_url, slug_of
from controlplane.foundation.db import execute, json_list, notify
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.alert_route import AlertRoute
from controlplane.ledger.models.maintenance_window import MaintenanceWindow
from controlplane.ledger.transitions import add_items
from domain.alerting.message import Message, Occurrence, to_json
from domain.alerting.routing import Route, channels_for, next_step
from domain.alerting.severity import PAGE

DELIVERY = "deliver"
"""Channel: there are notifications to send."""


def alert_due(*, ref: UUID, now: datetime, using: str) -> None:
    """Tell of an alert whose time has come; of one that is over, whoever was told of it."""
    alert = _locked(ref, using)
    if alert is None:
        return
    if alert.state == "resolved":
        told = execute("alerts/sql/told_channels.sql", using=using, alert=alert.id)
        queue(message=_message(alert, "resolved", using), channels=[row[0] for row in told], alert=alert.id,
              now=now, using=using)  # fmt: skip
        return
    if alert.tell_at is None or alert.state == "acknowledged":
        return
    if alert.tell_at > now:
        add_items(items=[("alert_tell", alert.id, alert.tell_at)], using=using)
        return
    event = "opened" if alert.notified_at is None else "repeated"
    wanted = _channels(alert, now, using)
    queue(message=_message(alert, event, using), channels=wanted, alert=alert.id, now=now, using=using)
    if event == "opened":
        _plan_step(alert, using)
    alert.tell_at, alert.notified_at, alert.told = None, now, alert.occurrences
    alert.save(using=using, update_fields=["tell_at", "notified_at", "told"])


def escalation_due(*, ref: UUID, now: datetime, using: str) -> None:
    """Nobody acknowledged it in time: the next ones are told, and then those after them."""
    alert = _locked(ref, using)
    if alert is None or alert.state != "open" or alert.notified_at is None or alert.window_id is not None:
        return
    step = next_step(escalation=alert.rule.escalation, taken=alert.steps, notified_at=alert.opened_at)
    if step is None:
        return
    if step[0] > now:
        add_items(items=[("alert_escalate", alert.id, step[0])], using=using)
        return
    wanted = [UUID(one) for one in step[1]]
    queue(message=_message(alert, "escalated", using), channels=wanted, alert=alert.id, now=now, using=using)
    alert.steps += 1
    alert.save(using=using, update_fields=["steps"])
    _plan_step(alert, using)


def summarize(*, window: MaintenanceWindow, alerts: Sequence[Alert], now: datetime, using: str) -> None:
    """One message about all that a maintenance window kept silent."""
    slug = slug_of(using)
    items = tuple(
        Occurrence(
            at=alert.last_at.isoformat(),
            what=f"{alert.kind} of {alert.owner}: {alert.cause} ({alert.occurrences} times, {alert.state})",
            log_url=alert_url(slug=slug, alert_id=str(alert.id)),
        )
        for alert in alerts
    )
    message = Message(
        id=str(window.id),
        event="summary",
        kind="summary",
        severity="ticket",
        tenant=slug,
        rule=window.name,
        owner="everybody",
        cause=f"{len(alerts)} alerts were kept silent",
        url=alert_url(slug=slug, alert_id=""),
        occurrences=len(items),
        items=items,
    )
    wanted = [UUID(one) for one in window.channels]
    if not wanted:
        routes = _routes(using)
        names = {
            name
            for alert in alerts
            for name in channels_for(
                own=alert.rule.channels, routes=routes, owner=alert.owner, severity=alert.severity, now=now
            )
        }
        wanted = sorted(UUID(name) for name in names)
    queue(message=message, channels=wanted, alert=None, now=now, using=using)


def queue(
    *,
    message: Message,
    channels: Sequence[UUID],
    alert: UUID | None,
    now: datetime,
    using: str,
    also_off: bool = False,
) -> list[UUID]:
    """Notifications to these channels, as far as they are there and switched on, sent as soon as this commits."""
    there = AlertChannel.objects.using(using).filter(id__in=list(channels))
    if not also_off:
        there = there.filter(is_enabled=True)
    ids = sorted(there.values_list("id", flat=True))
    if not ids:
        return []
    rows = execute(
        "alerts/sql/queue_notifications.sql",
        using=using,
        alert=alert,
        channels=ids,
        kind=message.event,
        message=json_list([to_json(message)])[0],
        now=now,
    )
    notify(DELIVERY, using=using)
    return [row[0] for row in rows]


def _locked(alert: UUID, using: str) -> Alert | None:
    rows = Alert.objects.using(using).select_related("rule").filter(id=alert)
    return rows.select_for_update(of=("self",)).first()


def _plan_step(alert: Alert, using: str) -> None:
    """Only pages escalate: a ticket waits for the morning."""
    step = next_step(escalation=alert.rule.escalation, taken=alert.steps, notified_at=alert.opened_at)
    if step is not None and alert.severity == PAGE:
        add_items(items=[("alert_escalate", alert.id, step[0])], using=using)


def _routes(using: str) -> list[Route]:
    rows = AlertRoute.objects.using(using).order_by("position")
    return [Route(row.owner, row.severity, row.channels, row.rotation) for row in rows]


def _channels(alert: Alert, now: datetime, using: str) -> list[UUID]:
    found = channels_for(
        own=alert.rule.channels,
        routes=[] if alert.rule.channels else _routes(using),
        owner=alert.owner,
        severity=alert.severity,
        now=now,
    )
    return [UUID(one) for one in found]


def _message(alert: Alert, event: str, using: str) -> Message:
    slug = slug_of(using)
    items: list[dict[str, Any]] = alert.items
    fresh = items[-(alert.occurrences - alert.told) :] if event == "repeated" else items
    return Message(
        id=str(alert.id),
        event=event,
        kind=alert.kind,
        severity=alert.severity,
        tenant=slug,
        rule=alert.rule.name,
        owner=alert.owner,
        cause=alert.cause,
        url=alert_url(slug=slug, alert_id=str(alert.id)),
        occurrences=alert.occurrences,
        runbook=alert.rule.runbook,
        items=tuple(Occurrence(**item) for item in fresh),
    )
