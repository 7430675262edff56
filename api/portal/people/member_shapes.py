"""What goes in and out of the operations on a tenant's people."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class MemberShape(serializers.Serializer[None]):
    user_id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField()
    role = serializers.CharField()
    created_at = serializers.DateTimeField()


class MembersShape(PageShape):
    members = MemberShape(many=True)


class RoleBody(serializers.Serializer[None]):
    role = serializers.CharField(max_length=20)


class InviteBody(serializers.Serializer[None]):
    email = serializers.CharField(max_length=254)
    role = serializers.CharField(max_length=20, required=False, default="Viewer")


class OpenInvitationShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    role = serializers.CharField()
    invited_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class InvitationShape(OpenInvitationShape):
    mailed = serializers.BooleanField()
    link = serializers.CharField(allow_null=True, help_text="Only where mails are not set up")


class InvitationsShape(PageShape):
    invitations = OpenInvitationShape(many=True)


class InvitationTokenBody(serializers.Serializer[None]):
    token = serializers.CharField(max_length=500)


class OfferedShape(serializers.Serializer[None]):
    tenant = serializers.CharField()
    tenant_name = serializers.CharField()
    email = serializers.CharField()
    role = serializers.CharField()
    invited_by = serializers.CharField()
    expires_at = serializers.DateTimeField()
    has_account = serializers.BooleanField(help_text="Somebody signs in with this address already")


class NewcomerBody(serializers.Serializer[None]):
    token = serializers.CharField(max_length=500)
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class JoinedTenantShape(serializers.Serializer[None]):
    tenant = serializers.CharField()
    role = serializers.CharField()


class NewcomerShape(JoinedTenantShape):
    access_token = serializers.CharField()
