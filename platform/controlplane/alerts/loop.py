"""The services of alerts: who sends notifications, and who watches the platform itself for its operators."""

from __future__ import annotations

from django.conf import settings

from controlplane.alerts.deliver import BATCH, USING, deliver_due
from controlplane.alerts.tell import DELIVERY
from controlplane.alerts.watchdog import Watchdog
from controlplane.foundation.clock import utc_now
from controlplane.foundation.service import Service

SECONDS = 5.0


def delivery_service() -> Service:
    """Woken when a notification is made; otherwise one statement every few seconds, for those to be tried again."""

    def run_once(_: set[str]) -> float:
        return 0.0 if deliver_due(now=utc_now()) == BATCH else SECONDS

    return Service(name="deliver", run_once=run_once, channels=(DELIVERY,), using=USING, poll_seconds=SECONDS)


def watchdog() -> Watchdog:
    """Of this installation. It needs no database: that is one of the things it watches."""
    return Watchdog(channels=settings.OPERATOR_CHANNELS, clock=utc_now)
