"""What goes in and out of channels, rules, routes, windows and alerts."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from controlplane.alerts.channels import KINDS as CHANNELS
from controlplane.alerts.rules import SEVERITIES
from domain.alerting.rules import KINDS

_SELECTOR = "DAGs by `dag_ids`, `tags`, `owners`: lists of patterns; empty: all"


class ChannelBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(CHANNELS)
    is_enabled = serializers.BooleanField(default=True)
    config = serializers.DictField(default=dict, help_text="email: `to`; pagerduty: `region` (us, eu)")
    secret = serializers.DictField(
        required=False,
        write_only=True,
        help_text="slack, teams: `url`; webhook: `url`, `signing_secret`; pagerduty: `routing_key`. Never read "
        "back; left out in a change, it stays",
    )


class ChannelShape(ChannelBody):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    last_sent_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)


class ChannelsShape(PageShape):
    channels = ChannelShape(many=True)


class StepBody(serializers.Serializer[None]):
    after_seconds = serializers.IntegerField(min_value=60, max_value=7 * 86_400)
    channels = serializers.ListField(child=serializers.CharField(max_length=36), max_length=20)


class RuleBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(sorted(KINDS))
    is_enabled = serializers.BooleanField(default=True)
    is_critical = serializers.BooleanField(default=False)
    selector = serializers.DictField(default=dict, help_text=_SELECTOR)
    settings = serializers.DictField(default=dict, help_text="Numbers that the kind takes")
    severity = serializers.ChoiceField(SEVERITIES, default="auto")
    channels = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=20)
    escalation = StepBody(many=True, default=list, max_length=5)
    action = serializers.DictField(allow_null=True, default=None)
    runbook = serializers.CharField(max_length=500, allow_null=True, default=None)
    group_wait_seconds = serializers.IntegerField(default=10, min_value=0, max_value=3600)
    repeat_seconds = serializers.IntegerField(default=600, min_value=60, max_value=30 * 86_400)


class RuleShape(RuleBody):
    id = serializers.UUIDField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RulesShape(PageShape):
    rules = RuleShape(many=True)


class RotationBody(serializers.Serializer[None]):
    starts_at = serializers.DateTimeField()
    every_seconds = serializers.IntegerField(min_value=3600, max_value=60 * 86_400)


class RouteBody(serializers.Serializer[None]):
    owner = serializers.CharField(max_length=250, help_text="A pattern: `team-*`")
    severity = serializers.ChoiceField(("page", "ticket"), allow_null=True, default=None)
    channels = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=20)
    rotation = RotationBody(allow_null=True, default=None)


class RoutesShape(serializers.Serializer[None]):
    routes = RouteBody(many=True, max_length=200)


class WindowBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    selector = serializers.DictField(default=dict, help_text=_SELECTOR)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    channels = serializers.ListField(child=serializers.UUIDField(), default=list, max_length=20)


class WindowShape(WindowBody):
    id = serializers.UUIDField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    summed_up_at = serializers.DateTimeField(allow_null=True)


class WindowsShape(PageShape):
    windows = WindowShape(many=True)


class AlertShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    rule = serializers.CharField()
    rule_id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.CharField(help_text="open, acknowledged, resolved")
    severity = serializers.CharField(help_text="page, ticket")
    owner = serializers.CharField()
    cause = serializers.CharField()
    occurrences = serializers.IntegerField()
    items = serializers.ListField(child=serializers.DictField(), help_text="The newest, at most 50")
    runbook = serializers.CharField(allow_null=True)
    is_silenced = serializers.BooleanField()
    opened_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    notified_at = serializers.DateTimeField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_by = serializers.CharField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_by = serializers.CharField(allow_null=True)


class AlertsShape(PageShape):
    alerts = AlertShape(many=True)


class AlertQuery(serializers.Serializer[None]):
    state = serializers.ChoiceField(("open", "acknowledged", "resolved"), required=False)
    severity = serializers.ChoiceField(("page", "ticket"), required=False)
    rule_id = serializers.UUIDField(required=False)


class AnswerBody(serializers.Serializer[None]):
    state = serializers.ChoiceField(("acknowledged", "resolved"))


class NotificationShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    alert_id = serializers.UUIDField(allow_null=True)
    channel_id = serializers.UUIDField()
    channel = serializers.CharField()
    kind = serializers.CharField(help_text="opened, repeated, escalated, resolved, summary, test, report")
    state = serializers.CharField(help_text="pending, sent, failed")
    attempts = serializers.IntegerField()
    tries = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)


class NotificationsShape(PageShape):
    notifications = NotificationShape(many=True)


class NotificationQuery(serializers.Serializer[None]):
    state = serializers.ChoiceField(("pending", "sent", "failed"), required=False)
    channel_id = serializers.UUIDField(required=False)
    alert_id = serializers.UUIDField(required=False)
