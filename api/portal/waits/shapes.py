"""What goes out of the operation on what a task waits for."""

from __future__ import annotations

from rest_framework import serializers


class WaitShape(serializers.Serializer[None]):
    name = serializers.CharField(
        help_text="as Airflow names its dependencies, where it has one of that meaning"
    )
    reason = serializers.CharField()


class WaitsShape(serializers.Serializer[None]):
    """`waits` is empty when the task runs or is over, and never otherwise."""

    state = serializers.CharField(allow_null=True)
    waits = WaitShape(many=True)
