"""What goes in and out of the operations on one tenant."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from api.portal.people.shapes import TenantShape


class StatusShape(TenantShape):
    dags = serializers.IntegerField()
    import_errors = serializers.IntegerField()
    running_runs = serializers.IntegerField()
    running_tasks = serializers.IntegerField()
    permissions = serializers.ListField(child=serializers.CharField())


class RuntimeShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    digest = serializers.CharField()
    airflow = serializers.CharField()
    python = serializers.CharField()
    requirements = serializers.CharField()
    state = serializers.CharField()
    message = serializers.CharField()
    log = serializers.CharField(required=False)
    created_at = serializers.DateTimeField()
    ready_at = serializers.DateTimeField(allow_null=True)


class RuntimesShape(PageShape):
    runtimes = RuntimeShape(many=True)
