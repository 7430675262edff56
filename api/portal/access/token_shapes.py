"""What goes in and out of the operations on tokens."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.tokens import KINDS, LONGEST_OVERLAP_HOURS


class TokenShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    role = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField(), allow_null=True)
    service_account = serializers.CharField(allow_null=True)
    prefix = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute")
    replaced_by = serializers.UUIDField(allow_null=True)


class TokensShape(PageShape):
    tokens = TokenShape(many=True)


class NewAccountTokenBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(KINDS, default="api")
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=50),
        required=False,
        default=None,
        allow_null=True,
        max_length=200,
        help_text="Permissions that it may use at most; null: all that its role holds",
    )
    lifetime_days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, default=None, allow_null=True
    )


class NewTokenBody(NewAccountTokenBody):
    kind = serializers.ChoiceField(KINDS)
    role = serializers.CharField(max_length=20, default="Author")


class NewTokenShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(KINDS)
    role = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True)
    token = serializers.CharField(help_text="Shown once")


class RotatedShape(NewTokenShape):
    old_expires_at = serializers.DateTimeField(allow_null=True)


class RotateBody(serializers.Serializer[None]):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP_HOURS,
        default=24,
        help_text="How long the old token is good yet",
    )
