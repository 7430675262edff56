"""What goes in and out of the operations on callbacks and deadlines."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class AlertQuery(serializers.Serializer[None]):
    dag_id = serializers.CharField(max_length=250, required=False)
    dag_run_id = serializers.CharField(max_length=250, required=False)


class CallbackQuery(AlertQuery):
    state = serializers.ChoiceField(["pending", "running", "success", "failed", "lost"], required=False)


class DeadlineQuery(AlertQuery):
    missed = serializers.BooleanField(allow_null=True, default=None)


class CallbackShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    kind = serializers.CharField(
        help_text="task_failure, task_retry, dag_success, dag_failure, deadline, sla_miss"
    )
    state = serializers.CharField(help_text="pending, running, success, failed, lost")
    dag_id = serializers.CharField()
    dag_run_id = serializers.CharField()
    task_id = serializers.CharField(allow_null=True)
    map_index = serializers.IntegerField()
    try_number = serializers.IntegerField()
    reason = serializers.CharField()
    message = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    begun_at = serializers.DateTimeField(allow_null=True)
    done_at = serializers.DateTimeField(allow_null=True)


class CallbacksShape(PageShape):
    callbacks = CallbackShape(many=True)
    total_entries = serializers.IntegerField()


class CallbackLogShape(serializers.Serializer[None]):
    content = serializers.ListField(child=serializers.DictField(), help_text="lines, as of a task's log")


class DeadlineShape(serializers.Serializer[None]):
    """Airflow's own fields of a deadline, and below them what it does not have."""

    id = serializers.UUIDField()
    deadline_time = serializers.DateTimeField(allow_null=True)
    missed = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    dag_id = serializers.CharField()
    dag_run_id = serializers.CharField()
    alert_name = serializers.CharField(allow_null=True)
    kind = serializers.CharField(help_text="dag: a deadline of the DAG; sla: of a task")
    task_id = serializers.CharField(allow_null=True)
    reference = serializers.CharField()
    missed_at = serializers.DateTimeField(allow_null=True)
    problem = serializers.CharField(allow_null=True, help_text="why it is never due")


class DeadlinesShape(PageShape):
    deadlines = DeadlineShape(many=True)
    total_entries = serializers.IntegerField()
