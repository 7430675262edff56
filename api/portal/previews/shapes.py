"""What goes in and out of the operations on previews."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from controlplane.bundles.remote_address import AddressInvalid, check_ref


class PreviewBody(serializers.Serializer[None]):
    branch = serializers.CharField(max_length=255)
    lifetime_days = serializers.IntegerField(min_value=1, max_value=90, default=7)

    def validate_branch(self, value: str) -> str:
        try:
            return check_ref(value)
        except AddressInvalid as error:
            raise serializers.ValidationError(str(error)) from error


class PreviewShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    branch = serializers.CharField()
    slug = serializers.CharField(help_text="The preview is a tenant of its own, at /t/{slug}/")
    state = serializers.ChoiceField(("active", "ended"))
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class PreviewsShape(PageShape):
    previews = PreviewShape(many=True)


class PromotedShape(serializers.Serializer[None]):
    bundle_id = serializers.UUIDField()
    deployment = serializers.IntegerField()
    state = serializers.CharField()
