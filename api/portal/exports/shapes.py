"""What goes in and out of the operations on exports."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from controlplane.ledger.models.tenant_export import STATES
from controlplane.maintenance.archive.sealing import SHORTEST


class ExportBody(serializers.Serializer[None]):
    passphrase = serializers.CharField(
        min_length=SHORTEST,
        max_length=1024,
        required=False,
        allow_null=True,
        default=None,
        trim_whitespace=False,
        write_only=True,
        help_text="Secrets are sealed under it; without one they are left out, and named",
    )


class ExportShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(
        STATES, help_text="`gone`: it was taken away when its time was over, or deleted"
    )
    has_secrets = serializers.BooleanField()
    size = serializers.IntegerField(allow_null=True, help_text="Bytes")
    sha256 = serializers.CharField()
    left_out = serializers.ListField(child=serializers.CharField(), help_text="Secrets that are not in it")
    missing = serializers.ListField(
        child=serializers.CharField(), help_text="Objects that rows name and that were not there"
    )
    message = serializers.CharField(help_text="Why it failed")
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Until then it can be fetched")


class ExportsShape(PageShape):
    exports = ExportShape(many=True)
