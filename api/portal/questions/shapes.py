"""What goes in and out of the operations on questions."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class QuestionQuery(serializers.Serializer[None]):
    dag_id = serializers.CharField(max_length=250, required=False)
    dag_run_id = serializers.CharField(max_length=250, required=False)
    open = serializers.BooleanField(allow_null=True, default=None, help_text="waits for an answer right now")


class QuestionShape(serializers.Serializer[None]):
    task_instance_id = serializers.UUIDField()
    dag_id = serializers.CharField()
    dag_run_id = serializers.CharField()
    task_id = serializers.CharField()
    map_index = serializers.IntegerField()
    try_number = serializers.IntegerField()
    open = serializers.BooleanField()
    subject = serializers.CharField()
    body = serializers.CharField(allow_null=True)
    options = serializers.ListField(child=serializers.CharField())
    defaults = serializers.ListField(child=serializers.CharField(), allow_null=True)
    multiple = serializers.BooleanField()
    params = serializers.DictField()
    assigned_users = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True, help_text="then the defaults count, or it fails")
    responded_at = serializers.DateTimeField(allow_null=True)
    responded_by = serializers.DictField(allow_null=True)
    chosen_options = serializers.ListField(child=serializers.CharField(), allow_null=True)
    params_input = serializers.DictField()


class QuestionsShape(PageShape):
    questions = QuestionShape(many=True)
    total_entries = serializers.IntegerField()


class AnswerShape(serializers.Serializer[None]):
    chosen_options = serializers.ListField(child=serializers.CharField(max_length=10_000), allow_empty=False)
    params_input = serializers.DictField(required=False, default=dict)
