"""Channels, rules, routes and maintenance windows of a tenant: what its alerts are made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import models
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.alerts.rule_shapes import (
    ChannelBody,
    ChannelShape,
    ChannelsShape,
    NotificationShape,
    RouteBody,
    RoutesShape,
    RuleBody,
    RuleShape,
    RulesShape,
    WindowBody,
    WindowShape,
    WindowsShape,
)
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from api.problems import PortalNotFound
from controlplane.alerts import channels, rules
from controlplane.alerts.try_channel import send_test
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.alert_route import AlertRoute
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.maintenance_window import MaintenanceWindow
from tenants.audit.record import record_change
from tenants.scope import tenant_scope


@contextmanager
def named_fields() -> Iterator[None]:
    """What stations refuse, as this door says it: the field, or that there is no such thing."""
    try:
        yield
    except (channels.ChannelInvalid, rules.RuleInvalid) as error:
        raise ValidationError({error.field: [str(error)]}) from error
    except (channels.ChannelTaken, rules.RuleTaken) as error:
        raise ValidationError({"name": [str(error)]}) from error
    except (channels.ChannelUnknown, rules.RuleUnknown) as error:
        raise PortalNotFound(str(error)) from error


def shown(shape: type[Any], row: models.Model) -> dict[str, Any]:
    """The row's columns that the shape has; nothing sealed is one."""
    return {name: getattr(row, name) for name, field in shape().fields.items() if not field.write_only}


class Channels(PortalView):
    @extend_schema(responses={200: ChannelsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Every channel by name, without what is secret."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, AlertChannel.objects.all(), "name")
            return page.answer("channels", [shown(ChannelShape, row) for row in page.rows])

    @extend_schema(request=ChannelBody, responses={201: ChannelShape})
    def post(self, request: Request, slug: str) -> Response:
        """Make one."""
        access = self.access(request, slug, "alerts.edit")
        given = {"secret": None, **read(ChannelBody, request)}
        with tenant_scope(access.tenant_id), named_fields():
            row = channels.put(channel=None, now=utc_now(), **given)
            after = shown(ChannelShape, row)
            record_change(
                action="alert.channel.created", target=f"alert_channel:{row.id}", after=_told(after)
            )
            return Response(after, status=201)


class OneChannel(PortalView):
    @extend_schema(responses={200: ChannelShape})
    def get(self, request: Request, slug: str, channel_id: UUID) -> Response:
        """One channel."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id), named_fields():
            return Response(shown(ChannelShape, channels.find(channel_id)))

    @extend_schema(request=ChannelBody, responses={200: ChannelShape})
    def put(self, request: Request, slug: str, channel_id: UUID) -> Response:
        """Change it; without `secret` it keeps its own."""
        access = self.access(request, slug, "alerts.edit")
        given = {"secret": None, **read(ChannelBody, request)}
        with tenant_scope(access.tenant_id), named_fields():
            found = channels.find(channel_id)
            before = shown(ChannelShape, found)
            row = channels.put(channel=found, now=utc_now(), **given)
            after = shown(ChannelShape, row)
            target = f"alert_channel:{row.id}"
            record_change(
                action="alert.channel.changed", target=target, before=_told(before), after=_told(after)
            )
            return Response(after)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, channel_id: UUID) -> Response:
        """Delete it with its delivery log. Rules and routes that name it tell nobody in its place."""
        access = self.access(request, slug, "alerts.edit")
        with tenant_scope(access.tenant_id), named_fields():
            found = channels.find(channel_id)
            before = _told(shown(ChannelShape, found))
            found.delete()
            record_change(action="alert.channel.deleted", target=f"alert_channel:{channel_id}", before=before)
            return Response(status=204)


class TestChannel(PortalView):
    @extend_schema(request=None, responses={202: NotificationShape})
    def post(self, request: Request, slug: str, channel_id: UUID) -> Response:
        """Send a test notification; its row shows what became of it."""
        access = self.access(request, slug, "alerts.edit")
        with tenant_scope(access.tenant_id), named_fields():
            row = send_test(channel=channels.find(channel_id), by=access.name, now=utc_now())
            target = f"alert_channel:{channel_id}"
            record_change(action="alert.channel.tested", target=target)
            body = {name: getattr(row, name) for name in NotificationShape().fields if name != "channel"}
            return Response({**body, "channel": row.channel.name}, status=202)


class Rules(PortalView):
    @extend_schema(responses={200: RulesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Every rule, by name."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, AlertRule.objects.all(), "name")
            return page.answer("rules", [shown(RuleShape, row) for row in page.rows])

    @extend_schema(request=RuleBody, responses={201: RuleShape})
    def post(self, request: Request, slug: str) -> Response:
        """Make one."""
        access = self.access(request, slug, "alerts.edit")
        given = read(RuleBody, request)
        with tenant_scope(access.tenant_id), named_fields():
            row = rules.put_rule(rule=None, given=given, now=utc_now())
            after = shown(RuleShape, row)
            record_change(action="alert.rule.created", target=f"alert_rule:{row.id}", after=_told(after))
            return Response(after, status=201)


class OneRule(PortalView):
    @extend_schema(responses={200: RuleShape})
    def get(self, request: Request, slug: str, rule_id: UUID) -> Response:
        """One rule."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id), named_fields():
            return Response(shown(RuleShape, rules.find_rule(rule_id)))

    @extend_schema(request=RuleBody, responses={200: RuleShape})
    def put(self, request: Request, slug: str, rule_id: UUID) -> Response:
        """Change it. Alerts that go on stay its alerts."""
        access = self.access(request, slug, "alerts.edit")
        given = read(RuleBody, request)
        with tenant_scope(access.tenant_id), named_fields():
            found = rules.find_rule(rule_id)
            before = _told(shown(RuleShape, found))
            after = shown(RuleShape, rules.put_rule(rule=found, given=given, now=utc_now()))
            target = f"alert_rule:{rule_id}"
            record_change(action="alert.rule.changed", target=target, before=before, after=_told(after))
            return Response(after)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, rule_id: UUID) -> Response:
        """Delete it with its alerts and what was sent of them."""
        access = self.access(request, slug, "alerts.edit")
        with tenant_scope(access.tenant_id), named_fields():
            found = rules.find_rule(rule_id)
            before = _told(shown(RuleShape, found))
            found.delete()
            record_change(action="alert.rule.deleted", target=f"alert_rule:{rule_id}", before=before)
            return Response(status=204)


class Routes(PortalView):
    @extend_schema(responses={200: RoutesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Owners and severities to channels; the first that fits is taken."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id):
            rows = AlertRoute.objects.order_by("position")
            return Response({"routes": [shown(RouteBody, row) for row in rows]})

    @extend_schema(request=RoutesShape, responses={200: RoutesShape})
    def put(self, request: Request, slug: str) -> Response:
        """Instead of all there were."""
        access = self.access(request, slug, "alerts.edit")
        given = read(RoutesShape, request)
        with tenant_scope(access.tenant_id), named_fields():
            before = [shown(RouteBody, row) for row in AlertRoute.objects.order_by("position")]
            after = [shown(RouteBody, row) for row in rules.put_routes(given["routes"])]
            record_change(
                action="alert.routes.changed",
                target="alert_routes:all",
                before={"routes": before},
                after={"routes": after},
            )
            return Response({"routes": after})


class Windows(PortalView):
    @extend_schema(responses={200: WindowsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Maintenance windows, those that end last first."""
        access = self.access(request, slug, "alerts.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, MaintenanceWindow.objects.all(), "-ends_at", "-id")
            return page.answer("windows", [shown(WindowShape, row) for row in page.rows])

    @extend_schema(request=WindowBody, responses={201: WindowShape})
    def post(self, request: Request, slug: str) -> Response:
        """Nobody is told of what it covers while it goes on; a summary follows."""
        access = self.access(request, slug, "alerts.edit")
        given = read(WindowBody, request)
        with tenant_scope(access.tenant_id), named_fields():
            row = rules.make_window(given=given, by=access.name, now=utc_now())
            after = shown(WindowShape, row)
            target = f"maintenance_window:{row.id}"
            record_change(action="maintenance.window.created", target=target, after=_told(after))
            return Response(after, status=201)


class OneWindow(PortalView):
    @extend_schema(responses={200: WindowShape})
    def delete(self, request: Request, slug: str, window_id: UUID) -> Response:
        """End it now, with its summary."""
        access = self.access(request, slug, "alerts.edit")
        with tenant_scope(access.tenant_id), named_fields():
            row = rules.end_window(window=window_id, now=utc_now())
            record_change(action="maintenance.window.ended", target=f"maintenance_window:{window_id}")
            return Response(shown(WindowShape, row))


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """As an audit row keeps it: texts, numbers and JSON."""
    return {
        name: value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
        for name, value in fields.items()
        if name not in ("last_sent_at", "last_error", "updated_at", "created_at")
    }
