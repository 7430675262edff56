"""GET /tenants/{slug}/alerts and one of them, the answer to it, and the log of what was sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.alerts.rule_shapes import (
    AlertQuery,
    AlertShape,
    AlertsShape,
    AnswerBody,
    NotificationQuery,
    NotificationShape,
    NotificationsShape,
)
from api.portal.pages import asked_of, page_of
from api.portal.view import PortalView, read
from api.problems import PortalNotFound, Problem, problem
from controlplane.alerts.answer import AlertOver, AlertUnknown, answer
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import notify
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.notification import Notification
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

_OVER = Problem(409, "alert-over", "The alert is over")
_FROM_RULE = {"rule": "name", "runbook": "runbook"}


class Alerts(PortalView):
    @extend_schema(parameters=[AlertQuery], responses={200: AlertsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Newest first."""
        access = self.access(request, slug, "alerts.read")
        asked = asked_of(AlertQuery, request)
        with tenant_scope(access.tenant_id):
            rows = Alert.objects.select_related("rule").filter(
                **{name: asked[name] for name in ("state", "severity", "rule_id") if name in asked}
            )
            page = page_of(request, rows, "-id")
            return page.answer("alerts", [_alert(row) for row in page.rows])


class OneAlert(PortalView):
    @extend_schema(responses={200: AlertShape})
    def get(self, request: Request, slug: str, alert_id: UUID) -> Response:
        """One alert."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id):
            row = Alert.objects.select_related("rule").filter(id=alert_id).first()
        if row is None:
            raise PortalNotFound(f"this tenant has no alert {alert_id}")
        return Response(_alert(row))


class AlertAnswer(PortalView):
    @extend_schema(request=AnswerBody, responses={200: AlertShape})
    def post(self, request: Request, slug: str, alert_id: UUID) -> Any:
        """Acknowledge it: it repeats and escalates no more; or resolve it."""
        access = self.access(request, slug, "alerts.answer")
        state = read(AnswerBody, request)["state"]
        with tenant_scope(access.tenant_id):
            try:
                row = answer(alert=alert_id, state=state, by=access.name, now=utc_now())
            except AlertUnknown as error:
                raise PortalNotFound(str(error)) from error
            except AlertOver as error:
                return problem(_OVER, detail=str(error))
            notify("work", str(access.tenant_id))
            record_change(action=f"alert.{state}", target=f"alert:{alert_id}")
            return Response(_alert(row))


class Notifications(PortalView):
    @extend_schema(parameters=[NotificationQuery], responses={200: NotificationsShape})
    def get(self, request: Request, slug: str) -> Response:
        """What was sent, or was to be, newest first, with every try."""
        access = self.access(request, slug, "alerts.read")
        asked = asked_of(NotificationQuery, request)
        with tenant_scope(access.tenant_id):
            rows = Notification.objects.select_related("channel").filter(
                **{name: asked[name] for name in ("state", "channel_id", "alert_id") if name in asked}
            )
            page = page_of(request, rows, "-id")
            names = [name for name in NotificationShape().fields if name != "channel"]
            found = [
                {**{n: getattr(row, n) for n in names}, "channel": row.channel.name} for row in page.rows
            ]
            return page.answer("notifications", found)


def _alert(row: Alert) -> dict[str, Any]:
    own = [name for name in AlertShape().fields if name not in (*_FROM_RULE, "is_silenced")]
    return {
        **{name: getattr(row, name) for name in own},
        **{name: getattr(row.rule, column) for name, column in _FROM_RULE.items()},
        "is_silenced": row.window_id is not None,
    }
