"""What goes in and out of the operations on Airflow versions."""

from __future__ import annotations

from rest_framework import serializers


class UpgradeBody(serializers.Serializer[None]):
    airflow = serializers.CharField(max_length=20)


class AirflowsShape(serializers.Serializer[None]):
    chosen = serializers.CharField(help_text="What pushes are built with")
    offered = serializers.ListField(child=serializers.CharField())


class UpgradePreviewShape(serializers.Serializer[None]):
    bundle_id = serializers.UUIDField(help_text="Deploy it to make the upgrade")
    airflow = serializers.CharField()
    runtime_state = serializers.CharField(help_text="queued, building, ready, failed")
    runtime_message = serializers.CharField(help_text="Why it cannot be built: the resolver's own words")
    state = serializers.CharField(help_text="received, parsing, parsed, failed")
    report = serializers.DictField(allow_null=True, help_text="When it is parsed: dags, errors, findings")
