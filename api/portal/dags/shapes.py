"""What goes in and out of the operations on one DAG."""

from __future__ import annotations

from rest_framework import serializers


class DueShape(serializers.Serializer[None]):
    """`due_runs` were counted; with `more`, `about` says how many there are in all. Null: the timetable is the
    tenant's own, and only its runtime knows."""

    due_runs = serializers.IntegerField(allow_null=True)
    more = serializers.BooleanField()
    about = serializers.IntegerField(allow_null=True)
    first_run_after = serializers.DateTimeField(allow_null=True)
    max_active_runs = serializers.IntegerField()
    asks_above = serializers.IntegerField()


class ResumeBody(serializers.Serializer[None]):
    confirmed = serializers.BooleanField(default=False)
