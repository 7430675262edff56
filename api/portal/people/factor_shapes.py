"""What goes in and out of the operations on second factors."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.models.sign_in_factor import FACTOR_KINDS


class PasswordBody(serializers.Serializer[None]):
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class FactorShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(FACTOR_KINDS)
    name = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class FactorsShape(PageShape):
    factors = FactorShape(many=True)
    recovery_codes_left = serializers.IntegerField()


class NewTotpShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    secret = serializers.CharField(help_text="Shown once")
    address = serializers.CharField(help_text="For a QR code")


class ConfirmTotpBody(serializers.Serializer[None]):
    code = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)


class ConfirmedShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(FACTOR_KINDS)
    name = serializers.CharField()
    recovery_codes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Shown once, with the first factor"
    )


class KeyOptionsShape(serializers.Serializer[None]):
    challenge = serializers.CharField(help_text="To be sent back with the answer")
    options = serializers.JSONField(help_text="For the browser's credentials API")


class ConfirmKeyBody(serializers.Serializer[None]):
    challenge = serializers.CharField(max_length=100)
    answer = serializers.DictField(help_text="The browser's PublicKeyCredential as JSON")
    name = serializers.CharField(max_length=100, required=False, default="", allow_blank=True)


class PasskeyBody(serializers.Serializer[None]):
    challenge = serializers.CharField(max_length=100)
    answer = serializers.DictField(
        help_text="The browser's PublicKeyCredential as JSON, with its `userHandle`"
    )


class RecoveryCodesShape(serializers.Serializer[None]):
    recovery_codes = serializers.ListField(child=serializers.CharField())


class SecondFactorBody(serializers.Serializer[None]):
    ticket = serializers.CharField(max_length=500)
    code = serializers.CharField(max_length=30, required=False, default=None)
    challenge = serializers.CharField(max_length=100, required=False, default=None)
    answer = serializers.DictField(required=False, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["code"] is None) == (attrs["answer"] is None):
            raise serializers.ValidationError({"code": ["Send a code, or the answer of a key."]})
        return attrs
