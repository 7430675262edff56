"""What goes in and out of the operations on roles, service accounts and grants."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.permissions import GRANTABLE, LEVELS


class PermissionShape(serializers.Serializer[None]):
    name = serializers.CharField()
    about = serializers.CharField()


class PermissionsShape(PageShape):
    permissions = PermissionShape(many=True)


class RoleShape(serializers.Serializer[None]):
    name = serializers.CharField()
    description = serializers.CharField()
    permissions = serializers.ListField(child=serializers.CharField())
    is_built_in = serializers.BooleanField()


class RolesShape(PageShape):
    roles = RoleShape(many=True)


class NewRoleBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=20)
    description = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    permissions = serializers.ListField(child=serializers.CharField(max_length=50), max_length=200)


class RoleChangeBody(serializers.Serializer[None]):
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    permissions = serializers.ListField(
        child=serializers.CharField(max_length=50), max_length=200, required=False
    )


class AccountShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    role = serializers.CharField()
    is_active = serializers.BooleanField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class AccountsShape(PageShape):
    service_accounts = AccountShape(many=True)


class NewAccountBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=63)
    description = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)
    role = serializers.CharField(max_length=20)


class AccountChangeBody(serializers.Serializer[None]):
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    role = serializers.CharField(max_length=20, required=False)
    is_active = serializers.BooleanField(required=False)


class GrantShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    grantee = serializers.CharField()
    grantee_kind = serializers.ChoiceField(("person", "service_account"))
    kind = serializers.ChoiceField(tuple(GRANTABLE))
    name = serializers.CharField()
    level = serializers.ChoiceField(LEVELS)
    granted_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class GrantsShape(PageShape):
    grants = GrantShape(many=True)


class NewGrantBody(serializers.Serializer[None]):
    username = serializers.CharField(max_length=150, required=False, default=None)
    service_account = serializers.CharField(max_length=100, required=False, default=None)
    kind = serializers.CharField(max_length=20)
    name = serializers.CharField(max_length=256)
    level = serializers.CharField(max_length=10)
