"""What goes in and out of the operations on identity providers."""

from __future__ import annotations

from rest_framework import serializers

from tenants.sso.providers import MAPPED_ROLES


class RoleMapEntry(serializers.Serializer[None]):
    group = serializers.CharField(max_length=255)
    tenant = serializers.CharField(max_length=63)
    role = serializers.ChoiceField(MAPPED_ROLES)


class ProviderBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    issuer = serializers.CharField(max_length=500)
    client_id = serializers.CharField(max_length=255)
    client_secret = serializers.CharField(max_length=1000, required=False, default="", allow_blank=True)
    groups_claim = serializers.CharField(max_length=100, required=False, default="groups")
    role_map = serializers.ListField(child=RoleMapEntry(), max_length=500, required=False, default=list)


class ProviderChanges(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100, required=False)
    issuer = serializers.CharField(max_length=500, required=False)
    client_id = serializers.CharField(max_length=255, required=False)
    client_secret = serializers.CharField(max_length=1000, required=False)
    groups_claim = serializers.CharField(max_length=100, required=False)
    role_map = serializers.ListField(child=RoleMapEntry(), max_length=500, required=False)
    is_active = serializers.BooleanField(required=False)


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
    callback = serializers.CharField(help_text="To be registered with the provider")


class ProvidersShape(serializers.Serializer[None]):
    identity_providers = ProviderShape(many=True)


class ChoiceShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ChoicesShape(serializers.Serializer[None]):
    identity_providers = ChoiceShape(many=True)


class BegunShape(serializers.Serializer[None]):
    address = serializers.CharField(help_text="Where the browser goes")
    state = serializers.CharField()
    binding = serializers.CharField(help_text="Kept by the browser, sent back with the answer")


class FinishBody(serializers.Serializer[None]):
    state = serializers.CharField(max_length=200)
    code = serializers.CharField(max_length=4000)
    binding = serializers.CharField(max_length=200)
