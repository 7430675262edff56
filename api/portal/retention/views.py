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
from controlplane.maintenance.keep import FIELDS, keep
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

MOST_DAYS = 36_500


class RetentionBody(serializers.Serializer[None]):
    runs_days = serializers.IntegerField(allow_null=True, min_value=1, max_value=MOST_DAYS)
    logs_days = serializers.IntegerField(allow_null=True, min_value=1, max_value=MOST_DAYS)
    xcoms_days = serializers.IntegerField(allow_null=True, min_value=1, max_value=MOST_DAYS)
    alerts_days = serializers.IntegerField(allow_null=True, min_value=1, max_value=MOST_DAYS)


class RetentionShape(RetentionBody):
    pruned_at = serializers.DateTimeField(allow_null=True)
    pruned = serializers.DictField(help_text="How many of each the last round deleted")


class TenantRetention(PortalView):
    @extend_schema(responses={200: RetentionShape})
    def get(self, request: Request, slug: str) -> Response:
        """Days that runs, logs, XComs and alerts are kept; null: for ever."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            return Response(_shape(Retention.objects.first()))

    @extend_schema(request=RetentionBody, responses={200: RetentionShape})
    def put(self, request: Request, slug: str) -> Response:
        """Set all of them. What is older goes within minutes, and cannot be had back."""
        access = self.access(request, slug, "tenant.edit")
        days: dict[str, int | None] = read(RetentionBody, request)
        with tenant_scope(access.tenant_id):
            found = Retention.objects.first()
            before = {field: getattr(found, field, None) for field in FIELDS}
            row = keep(days=days, now=utc_now())
            target = f"tenant:{access.tenant_id}"
            record_change(action="tenant.retention.changed", target=target, before=before, after=dict(days))
            return Response(_shape(row))


def _shape(row: Retention | None) -> dict[str, Any]:
    empty = {"pruned": {}}
    return {name: getattr(row, name, empty.get(name)) for name in RetentionShape().fields}
