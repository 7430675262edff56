"""What goes in and out of the operations on one's own account."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.sign_in_policy import Policy


class TokenBody(serializers.Serializer[None]):
    token = serializers.CharField(max_length=500)


class EmailBody(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)


class ChangeEmailBody(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class EmailChangeShape(serializers.Serializer[None]):
    email = serializers.CharField(help_text="The new one")
    waits_for = serializers.ListField(
        child=serializers.ChoiceField(("old", "new")),
        help_text="Addresses that have not confirmed it yet; none: it is changed",
    )
    expires_at = serializers.DateTimeField(allow_null=True)


class MyEmailShape(serializers.Serializer[None]):
    email = serializers.CharField()
    verified = serializers.BooleanField()
    change = EmailChangeShape(allow_null=True)


class SignInPolicyBody(serializers.Serializer[None]):
    require_second_factor = serializers.BooleanField()


class SignInPolicyShape(serializers.Serializer[None]):
    require_second_factor = serializers.BooleanField()
    by_organisation = serializers.BooleanField(
        help_text="The organisation requires it, whatever is said here"
    )
    without = serializers.IntegerField(
        help_text="People who have none, and are kept out while it is required"
    )


def policy_shape(policy: Policy) -> dict[str, Any]:
    """As both doors tell it."""
    names = ("require_second_factor", "by_organisation", "without")
    return {name: getattr(policy, name) for name in names}


class SentShape(serializers.Serializer[None]):
    sent = serializers.BooleanField(help_text="False: there is nothing to prove")


class VerifiedShape(serializers.Serializer[None]):
    email = serializers.CharField()


class ResetPasswordBody(serializers.Serializer[None]):
    token = serializers.CharField(max_length=500)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class ChangePasswordBody(serializers.Serializer[None]):
    old_password = serializers.CharField(max_length=1000, trim_whitespace=False)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class SessionShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    method = serializers.CharField()
    address = serializers.CharField()
    user_agent = serializers.CharField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField(help_text="The one this request was made with")


class SessionsShape(PageShape):
    sessions = SessionShape(many=True)
