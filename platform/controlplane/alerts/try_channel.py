"""A test notification: the same way as any other, so that what it shows is true of them."""

from __future__ import annotations

from datetime import datetime

from controlplane.alerts.links import alert_url, slug_of
from controlplane.alerts.tell import queue
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.notification import Notification
from domain.alerting.message import Message, Occurrence


def send_test(*, channel: AlertChannel, by: str, now: datetime) -> Notification:
    """One message to this channel, also when it is switched off. Inside the tenant's scope."""
    slug = slug_of("default")
    message = Message(
        id=str(channel.id),
        event="test",
        kind="test",
        severity="ticket",
        tenant=slug,
        rule="test",
        owner=by,
        cause=f"{by} asked for it",
        url=alert_url(slug=slug, alert_id=""),
        items=(Occurrence(at=now.isoformat(), what=f"the channel {channel.name} works"),),
    )
    [made] = queue(
        message=message, channels=[channel.id], alert=None, now=now, using="default", also_off=True
    )
    return Notification.objects.select_related("channel").get(id=made)
