"""What goes in and out of the operators' operations."""

from __future__ import annotations

from rest_framework import serializers

from tenants.operators import ENTRY_ROLES, LONGEST_ENTRY_MINUTES, SHORTEST_REASON


class TenantRowShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    environment = serializers.CharField()
    organisation = serializers.CharField()
    organisation_id = serializers.UUIDField()
    created_at = serializers.DateTimeField()


class TenantPageShape(serializers.Serializer[None]):
    tenants = TenantRowShape(many=True)
    next_after = serializers.CharField(allow_null=True, help_text="Give it as `after` to go on")


class TenantPageQuery(serializers.Serializer[None]):
    after = serializers.CharField(required=False, default="", allow_blank=True, max_length=63)
    contains = serializers.CharField(required=False, default="", allow_blank=True, max_length=63)
    limit = serializers.IntegerField(required=False, default=100, min_value=1, max_value=500)


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


class EntriesShape(serializers.Serializer[None]):
    entries = EntryShape(many=True)
