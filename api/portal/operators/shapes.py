"""What goes in and out of the operators' operations."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.operators import ENTRY_ROLES, LONGEST_ENTRY_MINUTES, SHORTEST_REASON


class TenantRowShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    environment = serializers.CharField()
    organisation_id = serializers.UUIDField()
    organisation = serializers.CharField()
    created_at = serializers.DateTimeField()


class TenantPageShape(PageShape):
    tenants = TenantRowShape(many=True)


class TenantPageQuery(serializers.Serializer[None]):
    contains = serializers.CharField(required=False, default="", allow_blank=True, max_length=63)


class LimitShape(serializers.Serializer[None]):
    name = serializers.CharField()
    value = serializers.FloatField(allow_null=True)
    source = serializers.CharField()


class OneTenantShape(TenantRowShape):
    plan = serializers.CharField(allow_null=True)
    limits = LimitShape(many=True)
    members = serializers.IntegerField()


class ReasonBody(serializers.Serializer[None]):
    reason = serializers.CharField(min_length=SHORTEST_REASON, max_length=500)


class StateShape(serializers.Serializer[None]):
    slug = serializers.CharField()
    state = serializers.CharField()


class EntryBody(ReasonBody):
    tenant = serializers.CharField(max_length=63)
    role = serializers.ChoiceField(ENTRY_ROLES, default="Viewer")
    minutes = serializers.IntegerField(min_value=1, max_value=LONGEST_ENTRY_MINUTES, default=60)


class EntryShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    tenant = serializers.CharField()
    role = serializers.CharField()
    reason = serializers.CharField()
    entered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class EntriesShape(PageShape):
    entries = EntryShape(many=True)
