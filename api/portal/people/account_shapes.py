"""What goes in and out of the operations on one's own account."""

from __future__ import annotations

from rest_framework import serializers


class TokenBody(serializers.Serializer[None]):
    token = serializers.CharField(max_length=500)


class EmailBody(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)


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


class SessionsShape(serializers.Serializer[None]):
    sessions = SessionShape(many=True)
