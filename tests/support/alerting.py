"""A tenant with rules and channels, and the steps from a failure to what a receiver gets, one verb each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.alerts import channels, tell, weigh
from controlplane.alerts.deliver import deliver_due
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.notification import Notification
from controlplane.ledger.models.notification_due import NotificationDue
from domain.alerting.rules import KINDS
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.http_sink import HttpSink
from tests.support.walk import Walk, walk_for

KILLED = {"reason": "signal", "message": "Task killed by SIGKILL."}
SIGNING = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@contextmanager
def reaching_loopback() -> Iterator[None]:
    """Receivers may be on this machine, as where an operator allowed a network."""
    before = settings.NOTIFY_NETWORKS
    settings.NOTIFY_NETWORKS = (ipaddress.ip_network("127.0.0.1/32"),)
    try:
        yield
    finally:
        settings.NOTIFY_NETWORKS = before


@dataclass
class Desk:
    """Everything opens the tenant's scope by itself."""

    tenant: Tenant
    sink: HttpSink
    walk: Walk = field(init=False)

    def __post_init__(self) -> None:
        self.walk = walk_for(self.tenant)

    def channel(self, name: str = "hook", kind: str = "webhook", **more: Any) -> AlertChannel:
        secret = {"url": f"{self.sink.url}/{name}"}
        if kind == "webhook":
            secret["signing_secret"] = SIGNING
        values = {"config": {}, "secret": secret, "is_enabled": True, **more}
        with tenant_scope(self.tenant.id), reaching_loopback():
            return channels.put(channel=None, name=name, kind=kind, now=utc_now(), **values)

    def rule(self, kind: str = "run_failed", **more: Any) -> AlertRule:
        assert kind in KINDS
        values = {"name": kind, "group_wait_seconds": 0, "created_at": utc_now(), "updated_at": utc_now()}
        with tenant_scope(self.tenant.id):
            row = AlertRule(tenant=self.tenant, kind=kind, **{**values, **more})
            row.save(force_insert=True)
        return row

    def dag(self, dag_id: str, *, owner: str = "ada", retries: int = 0, **fields: Any) -> None:
        task = specs.task("only", owner=owner, retries=retries)
        parsed_dag(self.tenant, specs.dag(dag_id, [task], owners=[owner], **fields))

    def run(self, dag_id: str, state: str = "failed", **body: Any) -> None:
        """One run of the DAG whose task ends so, and what follows from it."""
        self.walk.trigger(dag_id)
        self.walk.schedule()
        for work in self.walk.claim():
            assert self.walk.say(work, state, **body).verdict == "accepted"
        self.walk.schedule()

    def weigh(self, now: datetime | None = None) -> None:
        with tenant_scope(self.tenant.id, using="scheduler"):
            weigh.signals_due(ref=None, now=now or utc_now(), using="scheduler")

    def tell(self, now: datetime | None = None) -> None:
        """Every alert, whatever its time."""
        for alert in self.alerts():
            with tenant_scope(self.tenant.id, using="scheduler"):
                tell.alert_due(ref=alert.id, now=now or utc_now() + timedelta(seconds=1), using="scheduler")

    def escalate(self, now: datetime) -> None:
        for alert in self.alerts():
            with tenant_scope(self.tenant.id, using="scheduler"):
                tell.escalation_due(ref=alert.id, now=now, using="scheduler")

    def deliver(self) -> int:
        with reaching_loopback():
            return deliver_due(now=utc_now())

    def hasten(self) -> None:
        """What is to be tried again is due now."""
        with tenant_scope(self.tenant.id):
            NotificationDue.objects.update(due_at=utc_now() - timedelta(seconds=1), lease_until=None)

    def all_the_way(self, now: datetime | None = None) -> None:
        self.weigh(now)
        self.tell(now)
        self.deliver()

    def alerts(self) -> list[Alert]:
        with tenant_scope(self.tenant.id):
            return list(Alert.objects.select_related("rule").order_by("id"))

    def notifications(self) -> list[Notification]:
        with tenant_scope(self.tenant.id):
            return list(Notification.objects.select_related("channel").order_by("id"))

    def said(self, channel: UUID | None = None) -> list[tuple[str, int]]:
        """(event, occurrences) of each notification, oldest first."""
        rows = [row for row in self.notifications() if channel in (None, row.channel_id)]
        return [(row.kind, row.message["occurrences"]) for row in rows]
