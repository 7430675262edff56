"""What goes in and out of the account operations."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class SignUpBody(serializers.Serializer[None]):
    username = serializers.CharField(max_length=150)
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)
    tenant = serializers.CharField(max_length=63, help_text="Its name in addresses: lower case, hyphens")
    tenant_name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    organisation = serializers.CharField(
        max_length=200,
        required=False,
        default="",
        allow_blank=True,
        help_text="Who owns it; named like it when empty",
    )


class SignInBody(serializers.Serializer[None]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)


class PersonShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.CharField()
    email_verified = serializers.BooleanField()


class TenantShape(serializers.Serializer[None]):
    slug = serializers.CharField()
    name = serializers.CharField()
    state = serializers.CharField()
    environment = serializers.CharField()
    organisation_id = serializers.UUIDField()
    purge_at = serializers.DateTimeField(allow_null=True, help_text="Being deleted: when everything is gone")
    role = serializers.CharField()
    api_url = serializers.CharField(help_text="Base address for Airflow's clients")
    git_url = serializers.CharField()


class GitAccessShape(serializers.Serializer[None]):
    url = serializers.CharField()
    username = serializers.CharField(help_text="Any; this one is for display")
    token = serializers.CharField(help_text="Shown once")


class SignedUpShape(serializers.Serializer[None]):
    user = PersonShape()
    tenant = TenantShape()
    git = GitAccessShape()
    access_token = serializers.CharField()


class SignedInShape(serializers.Serializer[None]):
    access_token = serializers.CharField()
    user = PersonShape()
    tenants = TenantShape(many=True)


class SecondFactorTicketShape(serializers.Serializer[None]):
    ticket = serializers.CharField(help_text="To be sent to `sign-in/second-factor`")
    kinds = serializers.ListField(child=serializers.CharField())
    challenge = serializers.CharField(allow_null=True)
    options = serializers.JSONField(allow_null=True, help_text="For the browser's credentials API")


class SecondFactorAskedShape(serializers.Serializer[None]):
    access_token = serializers.CharField(allow_null=True)
    second_factor = SecondFactorTicketShape()


class MeShape(serializers.Serializer[None]):
    user = PersonShape()
    tenants = TenantShape(many=True, help_text="The first hundred by name; `GET /tenants` has all")


class TenantsShape(PageShape):
    tenants = TenantShape(many=True)


class NewTenantBody(serializers.Serializer[None]):
    slug = serializers.CharField(max_length=63)
    name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)


class NewTenantShape(serializers.Serializer[None]):
    tenant = TenantShape()
    git = GitAccessShape(allow_null=True)
