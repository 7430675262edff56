"""What goes in and out of the operations on usage."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape

GROUPS = ("dag", "task", "day", "total")


class MonthQuery(serializers.Serializer[None]):
    month = serializers.RegexField(r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z", required=False)
    by = serializers.ChoiceField(GROUPS, default="dag")
    dag_id = serializers.CharField(max_length=250, required=False)


class ExportQuery(serializers.Serializer[None]):
    """`after`: the `X-Next-After` of the page before."""

    month = serializers.RegexField(r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z", required=False)
    format = serializers.ChoiceField(("csv", "ndjson"), default="ndjson")
    after = serializers.UUIDField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=10_000, default=1000)


class UsedShape(serializers.Serializer[None]):
    day = serializers.DateField(allow_null=True)
    dag_id = serializers.CharField(allow_null=True)
    task_id = serializers.CharField(allow_null=True)
    attempts = serializers.IntegerField()
    task_seconds = serializers.FloatField()
    cpu_seconds = serializers.FloatField()
    memory_gib_hours = serializers.FloatField()
    storage_gib_days = serializers.FloatField()
    cost_micros = serializers.IntegerField()


class UsageShape(serializers.Serializer[None]):
    """`total` is of the whole month; its cost is rounded once, so that it may differ by a millionth per row."""

    month = serializers.CharField()
    currency = serializers.CharField(allow_null=True)
    prices = serializers.DictField(child=serializers.IntegerField())
    total = UsedShape(allow_null=True)
    usage = UsedShape(many=True)


class BudgetBody(serializers.Serializer[None]):
    """Of the whole tenant, or of `dag_id`. `thresholds` are percents of the amount."""

    dag_id = serializers.CharField(max_length=250, allow_blank=True, default="")
    amount_micros = serializers.IntegerField(min_value=1, max_value=10**15)
    thresholds = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1000),
        min_length=1,
        max_length=10,
        default=[50, 80, 100],
    )


class BurnShape(serializers.Serializer[None]):
    month = serializers.DateField()
    threshold = serializers.IntegerField()
    amount_micros = serializers.IntegerField()
    spent_micros = serializers.IntegerField()
    passed_at = serializers.DateTimeField()


class BudgetShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    dag_id = serializers.CharField(allow_blank=True)
    amount_micros = serializers.IntegerField()
    thresholds = serializers.ListField(child=serializers.IntegerField())
    changed_at = serializers.DateTimeField()
    changed_by = serializers.CharField()
    burns = BurnShape(many=True)


class BudgetsShape(PageShape):
    budgets = BudgetShape(many=True)
