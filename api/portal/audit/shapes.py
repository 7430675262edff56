"""What the audit operations take and give."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape
from tenants.audit.context import KINDS
from tenants.audit.export import FORMATS
from tenants.models.audit_stream import KINDS as STREAM_KINDS
from tenants.models.audit_stream import STATES

OUTCOMES = ("done", "refused", "failed")


class AuditQuery(serializers.Serializer[None]):
    actor = serializers.CharField(required=False, max_length=200)
    actor_kind = serializers.ChoiceField(KINDS, required=False)
    action = serializers.CharField(
        required=False, max_length=100, help_text="A `*` at the end: begins like it"
    )
    target = serializers.CharField(
        required=False, max_length=400, help_text="A `*` at the end: begins like it"
    )
    outcome = serializers.ChoiceField(OUTCOMES, required=False)
    address = serializers.CharField(required=False, max_length=64)
    request_id = serializers.CharField(required=False, max_length=64)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class AuditRowShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    action = serializers.CharField()
    target = serializers.CharField()
    outcome = serializers.ChoiceField(OUTCOMES)
    actor_kind = serializers.ChoiceField(KINDS)
    actor = serializers.CharField()
    actor_id = serializers.CharField()
    address = serializers.CharField()
    request_id = serializers.CharField()
    method = serializers.CharField()
    route = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    detail = serializers.JSONField(allow_null=True)


class SignedShape(serializers.Serializer[None]):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()


class AuditPageShape(PageShape):
    rows = AuditRowShape(many=True)
    signed = SignedShape(allow_null=True, help_text="Up to where the chain is signed")


class ExportQuery(serializers.Serializer[None]):
    form = serializers.ChoiceField(tuple(FORMATS), required=False, default="ndjson")
    after = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**63 - 1)
    until = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=1, max_value=2**63 - 1
    )


class StreamShape(serializers.Serializer[None]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(STREAM_KINDS)
    state = serializers.ChoiceField(STATES)
    url = serializers.CharField()
    endpoint = serializers.CharField()
    region = serializers.CharField()
    cursor = serializers.IntegerField(help_text="The last row that arrived")
    attempts = serializers.IntegerField(help_text="Failures since something arrived")
    next_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class StreamsShape(PageShape):
    streams = StreamShape(many=True)


class NewStreamBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(STREAM_KINDS)
    url = serializers.CharField(max_length=500, help_text="Of the webhook, or `s3://bucket/prefix`")
    endpoint = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    region = serializers.CharField(max_length=40, required=False, default="", allow_blank=True)
    access_key_id = serializers.CharField(max_length=128, required=False, default="", allow_blank=True)
    secret = serializers.CharField(
        max_length=500, required=False, default=None, help_text="A webhook's is made when it is left out"
    )
    from_start = serializers.BooleanField(
        required=False, default=False, help_text="Send the whole chain, not only what comes"
    )


class NewStreamShape(StreamShape):
    secret = serializers.CharField(allow_null=True, help_text="Shown once, when the platform made it")


class StreamPatchBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=100, required=False, default=None)
    state = serializers.ChoiceField(("active", "paused"), required=False, default=None)
    secret = serializers.CharField(max_length=500, required=False, default=None)
