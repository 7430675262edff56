"""What goes in and out of the operations on backfills."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from domain.backfills import REPROCESS


class PreviewBody(serializers.Serializer[None]):
    dag_id = serializers.CharField(max_length=250)
    from_date = serializers.DateTimeField()
    to_date = serializers.DateTimeField()
    run_backwards = serializers.BooleanField(default=False)
    reprocess_behavior = serializers.ChoiceField(REPROCESS, default="none")
    max_active_runs = serializers.IntegerField(min_value=1, max_value=2**31 - 1, default=10)


class PreviewShape(serializers.Serializer[None]):
    """`predicted_seconds` is null when no run of the DAG has succeeded yet."""

    runs = serializers.IntegerField()
    first = serializers.CharField(allow_null=True)
    last = serializers.CharField(allow_null=True)
    average_run_seconds = serializers.FloatField(allow_null=True)
    predicted_seconds = serializers.FloatField(allow_null=True)


class BoundBody(serializers.Serializer[None]):
    max_active_runs = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class BackfillShape(serializers.Serializer[None]):
    """`left` counts its runs that are not over."""

    id = serializers.IntegerField()
    dag_id = serializers.CharField()
    from_date = serializers.DateTimeField()
    to_date = serializers.DateTimeField()
    run_backwards = serializers.BooleanField()
    reprocess_behavior = serializers.CharField()
    is_paused = serializers.BooleanField()
    max_active_runs = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    triggering_user_name = serializers.CharField(allow_null=True)
    left = serializers.IntegerField()


class BackfillQuery(serializers.Serializer[None]):
    dag_id = serializers.CharField(max_length=250, required=False)
    active = serializers.BooleanField(
        allow_null=True, required=False, default=None, help_text="those that are not over, or those that are"
    )


class BackfillsShape(PageShape):
    backfills = BackfillShape(many=True)
