"""What goes in and out of scheduled reports."""

from __future__ import annotations

import math

from rest_framework import serializers

from api.portal.pages import PageShape
from domain.reporting import PERIODS


class ReportScheduleBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    period = serializers.ChoiceField(PERIODS, help_text="Weeks begin on Monday; days are UTC's")
    is_enabled = serializers.BooleanField(default=True)
    objective = serializers.FloatField(
        default=0.99, min_value=0.5, max_value=0.99999, help_text="Share of runs that should succeed"
    )
    channels = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        max_length=20,
        help_text="Alert channels of any kind but PagerDuty's; none: it is made, and sent to nobody",
    )

    def validate_objective(self, value: float) -> float:
        if math.isnan(value):
            raise serializers.ValidationError("a number")
        return value


class ReportScheduleShape(ReportScheduleBody):
    id = serializers.UUIDField()
    asked_by = serializers.CharField()
    made_until = serializers.DateField(help_text="The first day that no report of it covers yet")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ReportSchedulesShape(PageShape):
    report_schedules = ReportScheduleShape(many=True)


class ReportShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    schedule_id = serializers.UUIDField()
    name = serializers.CharField()
    period = serializers.ChoiceField(PERIODS)
    asked_by = serializers.CharField()
    first = serializers.DateField()
    last = serializers.DateField(help_text="The first day after it")
    made_at = serializers.DateTimeField()


class WholeReportShape(ReportShape):
    lines = serializers.ListField(child=serializers.CharField(), help_text="As it was sent")
    figures = serializers.DictField(
        help_text="`runs`, `runs_before`, `failing`, `error_budgets`, `deadlines_missed`, `alerts`, `usage`, "
        "`costliest`, `budgets`; money in millionths of `currency`"
    )


class ReportsShape(PageShape):
    reports = ReportShape(many=True)


class ReportQuery(serializers.Serializer[None]):
    schedule_id = serializers.UUIDField(required=False)
