"""What goes in and out of the operations on one tenant."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.people.shapes import TenantShape
from tenants.models.membership import ROLES
from tenants.tokens import KINDS


class StatusShape(TenantShape):
    dags = serializers.IntegerField()
    import_errors = serializers.IntegerField()
    running_runs = serializers.IntegerField()
    running_tasks = serializers.IntegerField()
    permissions = serializers.ListField(child=serializers.CharField())


class TokenShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    role = serializers.ChoiceField(ROLES)
    prefix = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class TokensShape(serializers.Serializer[None]):
    tokens = TokenShape(many=True)


class NewTokenBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(KINDS)
    role = serializers.ChoiceField(ROLES, default="Author")
    lifetime_days = serializers.IntegerField(min_value=1, max_value=3650, required=False, default=None)


class NewTokenShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    role = serializers.ChoiceField(ROLES)
    expires_at = serializers.DateTimeField(allow_null=True)
    token = serializers.CharField(help_text="Shown once")


class RuntimeShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    digest = serializers.CharField()
    airflow = serializers.CharField()
    python = serializers.CharField()
    requirements = serializers.CharField()
    state = serializers.CharField()
    message = serializers.CharField()
    log = serializers.CharField(required=False)
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)


class RuntimesShape(serializers.Serializer[None]):
    runtimes = RuntimeShape(many=True)
