"""Bundle versions as they are told."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class UploadQuery(serializers.Serializer[None]):
    message = serializers.CharField(
        required=False, default="", allow_blank=True, help_text="What it is about, for people"
    )
    wait = serializers.FloatField(
        required=False, default=None, min_value=0, help_text="Seconds to wait for it to be parsed, at most 60"
    )


class BundleRuntimeShape(serializers.Serializer[None]):
    digest = serializers.CharField(allow_null=True)
    state = serializers.CharField(allow_null=True)


class BundleShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    digest = serializers.CharField()
    source = serializers.CharField(help_text="`git` or `upload`")
    commit_sha = serializers.CharField(allow_null=True)
    branch = serializers.CharField(allow_null=True)
    message = serializers.CharField()
    pushed_by = serializers.CharField()
    file_count = serializers.IntegerField()
    byte_count = serializers.IntegerField()
    state = serializers.CharField(help_text="received, parsing, parsed, failed")
    summary = serializers.DictField(help_text="What was accepted, what is wrong, what is worth knowing")
    created_at = serializers.DateTimeField()
    parsed_at = serializers.DateTimeField(allow_null=True)
    runtime = BundleRuntimeShape()


class BundleFilesShape(BundleShape):
    files = serializers.DictField(child=serializers.CharField(), help_text="Path -> SHA-256")


class BundlesShape(PageShape):
    bundles = BundleShape(many=True)
