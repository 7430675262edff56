"""GET /tenants/{slug}/operator-entries: which platform operators were here, when and why."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import PageShape, page_of
from api.portal.view import PortalView
from tenants.models.operator_entry import OperatorEntry
from tenants.scope import tenant_scope


class OperatorEntryShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    operator = serializers.CharField()
    role = serializers.CharField()
    reason = serializers.CharField()
    entered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    left_at = serializers.DateTimeField(allow_null=True)


class OperatorEntriesShape(PageShape):
    operator_entries = OperatorEntryShape(many=True)


class OperatorEntries(PortalView):
    @extend_schema(responses={200: OperatorEntriesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Newest first, for every member to see."""
        access = self.access(request, slug, "tenant.read")
        columns = tuple(OperatorEntryShape().fields)
        with tenant_scope(access.tenant_id):
            page = page_of(request, OperatorEntry.objects.values(*columns), "-id")
        return page.answer("operator_entries", page.rows)
