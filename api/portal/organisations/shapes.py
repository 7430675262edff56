"""What goes in and out of the operations on organisations."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from api.portal.people.shapes import GitAccessShape
from tenants.models.membership import ROLES
from tenants.models.organisation_member import ORGANISATION_ROLES
from tenants.models.tenant import ENVIRONMENTS


class OrganisationBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=200)


class OrganisationShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(ORGANISATION_ROLES)
    permissions = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class OrganisationsShape(PageShape):
    organisations = OrganisationShape(many=True)


class OwnedTenantShape(serializers.Serializer[None]):
    slug = serializers.CharField()
    name = serializers.CharField()
    environment = serializers.ChoiceField(ENVIRONMENTS)
    state = serializers.CharField()
    purge_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class OwnedTenantsShape(PageShape):
    tenants = OwnedTenantShape(many=True)


class NewOwnedTenantBody(serializers.Serializer[None]):
    slug = serializers.CharField(max_length=63)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    environment = serializers.ChoiceField(ENVIRONMENTS, required=False, default="production")


class NewOwnedTenantShape(serializers.Serializer[None]):
    tenant = OwnedTenantShape()
    git = GitAccessShape(allow_null=True)


class JoinBody(serializers.Serializer[None]):
    role = serializers.ChoiceField(ROLES, required=False, default="Owner")


class JoinedShape(serializers.Serializer[None]):
    role = serializers.ChoiceField(ROLES)


class OrganisationPersonShape(serializers.Serializer[None]):
    user_id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField()
    is_active = serializers.BooleanField()
    role = serializers.ChoiceField(ORGANISATION_ROLES)
    created_at = serializers.DateTimeField()


class OrganisationPeopleShape(PageShape):
    people = OrganisationPersonShape(many=True)


class OrganisationRoleBody(serializers.Serializer[None]):
    role = serializers.ChoiceField(ORGANISATION_ROLES)
