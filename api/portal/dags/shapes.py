"""What goes in and out of the operations on one DAG."""

from __future__ import annotations

from rest_framework import serializers


class DagShape(serializers.Serializer[None]):
    dag_id = serializers.CharField()
    is_paused = serializers.BooleanField()
    pause_reason = serializers.CharField(
        allow_null=True, help_text="why the platform paused it; null when a person did"
    )
    is_stale = serializers.BooleanField(help_text="no longer in the newest bundle: plans no runs")
    has_import_errors = serializers.BooleanField()
    timetable_problem = serializers.CharField(
        allow_null=True, help_text="what the DAG's own timetable raised; it plans no runs meanwhile"
    )
    next_run_after = serializers.DateTimeField(allow_null=True)
    active_runs = serializers.IntegerField()
    max_active_runs = serializers.IntegerField()


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
