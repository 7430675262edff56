"""GET, PUT /tenants/{slug}/retention."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.retention import Retention
from controlplane.maintenance.keep import FIELDS, HOURS, keep
from tenants.audit.cut import LEAST_DAYS
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

MOST_DAYS = 36_500
LEAST_USAGE_DAYS = 62
"""A month is paid after it is over: its rows can be looked at for another one."""


def _days(least: int = 1, what: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=least, max_value=MOST_DAYS, help_text=what
    )


def _hour(what: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=0, max_value=23, help_text=what
    )


class RetentionBody(serializers.Serializer[None]):
    runs_days = _days(what="Runs with all that is theirs; not those that go on, nor the newest of a DAG")
    logs_days = _days(what="Logs of runs that have ended")
    xcoms_days = _days(what="XComs of runs that have ended")
    alerts_days = _days(what="Resolved alerts with their notifications")
    events_days = _days(what="Rows of the event log")
    usage_days = _days(
        LEAST_USAGE_DAYS, "Usage of single attempts, once counted; sums per day and month are kept"
    )
    bundles_days = _days(what="Bundle versions that nothing uses, with deployments of them that are over")
    audit_days = _days(LEAST_DAYS, "Rows of the audit, up to a signed checkpoint that says so")
    from_hour = _hour("Pruning begins only from this hour on (UTC); with until_hour")
    until_hour = _hour("… and before this one; over midnight when it is the smaller one")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        begin, end = attrs["from_hour"], attrs["until_hour"]
        if (begin is None) != (end is None):
            missing = "until_hour" if end is None else "from_hour"
            raise serializers.ValidationError(
                {missing: "from_hour and until_hour are given together, or neither"}
            )
        if begin is not None and begin == end:
            raise serializers.ValidationError(
                {"until_hour": "it is another hour than from_hour; null for any"}
            )
        return attrs


class RetentionShape(RetentionBody):
    pruned_at = serializers.DateTimeField(allow_null=True)
    pruned = serializers.DictField(help_text="How many of each the last round deleted")


class TenantRetention(PortalView):
    @extend_schema(responses={200: RetentionShape})
    def get(self, request: Request, slug: str) -> Response:
        """Days that runs, logs, XComs and the rest are kept; null: for ever. And what the last round deleted."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            return Response(_shape(Retention.objects.first()))

    @extend_schema(request=RetentionBody, responses={200: RetentionShape})
    def put(self, request: Request, slug: str) -> Response:
        """Set all of them; what is not given is kept for ever. What is older goes within minutes, or when the hours begin,
        and cannot be had back."""
        access = self.access(request, slug, "tenant.edit")
        days: dict[str, int | None] = read(RetentionBody, request)
        with tenant_scope(access.tenant_id):
            found = Retention.objects.first()
            before = {field: getattr(found, field, None) for field in (*FIELDS, *HOURS)}
            row = keep(days=days, now=utc_now())
            target = f"tenant:{access.tenant_id}"
            record_change(action="tenant.retention.changed", target=target, before=before, after=dict(days))
            return Response(_shape(row))


def _shape(row: Retention | None) -> dict[str, Any]:
    empty = {"pruned": {}}
    return {name: getattr(row, name, empty.get(name)) for name in RetentionShape().fields}
