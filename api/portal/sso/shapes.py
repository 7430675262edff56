"""What goes in and out of the operations on identity providers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.models.identity_provider import PROVIDER_KINDS
from tenants.sso.provider_fields import MAPPED_ROLES, OF_KIND


class RoleMapEntry(serializers.Serializer[None]):
    group = serializers.CharField(max_length=255)
    tenant = serializers.CharField(max_length=63)
    role = serializers.ChoiceField(MAPPED_ROLES)


METADATA = "SAML: the provider's own description, an XML file; its address and certificates are read from it"


class ProviderBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(PROVIDER_KINDS, required=False, default="oidc")
    issuer = serializers.CharField(max_length=500, required=False, help_text="OpenID Connect: needed")
    client_id = serializers.CharField(max_length=255, required=False, help_text="OpenID Connect: needed")
    client_secret = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    metadata = serializers.CharField(max_length=500_000, required=False, help_text=METADATA)
    groups_claim = serializers.CharField(max_length=100, required=False, default="groups")
    role_map = serializers.ListField(child=RoleMapEntry(), max_length=500, required=False, default=list)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What the kind needs is there."""
        needed = [name for name in OF_KIND[attrs["kind"]] if name != "client_secret"]
        missing = {name: ["This field is required."] for name in needed if name not in attrs}
        if missing:
            raise serializers.ValidationError(missing)
        return attrs


class ProviderChanges(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100, required=False)
    issuer = serializers.CharField(max_length=500, required=False)
    client_id = serializers.CharField(max_length=255, required=False)
    client_secret = serializers.CharField(max_length=1000, required=False)
    metadata = serializers.CharField(max_length=500_000, required=False, help_text=METADATA)
    groups_claim = serializers.CharField(max_length=100, required=False)
    role_map = serializers.ListField(child=RoleMapEntry(), max_length=500, required=False)
    is_active = serializers.BooleanField(required=False)


class CertificateShape(serializers.Serializer[None]):
    sha256 = serializers.CharField(help_text="Fingerprint")
    not_after = serializers.DateTimeField()


class ProviderShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    name = serializers.CharField()
    issuer = serializers.CharField()
    client_id = serializers.CharField()
    has_client_secret = serializers.BooleanField()
    groups_claim = serializers.CharField()
    role_map = RoleMapEntry(many=True)
    is_active = serializers.BooleanField()
    certificates = CertificateShape(many=True, help_text="What a SAML provider signs with")
    callback = serializers.CharField(
        help_text="To be registered with the provider; of SAML also our entity id, with our description there"
    )


class ProvidersShape(PageShape):
    identity_providers = ProviderShape(many=True)


class ChoiceShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ChoicesQuery(serializers.Serializer[None]):
    tenant = serializers.CharField(max_length=63, allow_blank=True, help_text="Its name in addresses")


class ChoicesShape(PageShape):
    identity_providers = ChoiceShape(many=True)


class BegunShape(serializers.Serializer[None]):
    address = serializers.CharField(help_text="Where the browser goes")
    state = serializers.CharField()
    binding = serializers.CharField(help_text="Kept by the browser, sent back with the answer")


class FinishBody(serializers.Serializer[None]):
    state = serializers.CharField(max_length=200)
    code = serializers.CharField(max_length=4000)
    binding = serializers.CharField(max_length=200)
