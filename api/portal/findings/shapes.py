"""What goes in and out of the listing of findings."""

from __future__ import annotations

from rest_framework import serializers

from api.portal.pages import PageShape


class FindingQuery(serializers.Serializer[None]):
    code = serializers.CharField(max_length=100, required=False, help_text="a beginning: AERO-SHIM, AIR…")
    path = serializers.CharField(max_length=1000, required=False)
    severity = serializers.ChoiceField(["info", "warning", "error"], required=False)


class FindingShape(serializers.Serializer[None]):
    code = serializers.CharField(help_text="stable: AERO-SHIM-schedule-interval, AERO-WARN-…, AERO-READ-…")
    message = serializers.CharField()
    path = serializers.CharField()
    line = serializers.IntegerField(help_text="from 1; 0 when unknown")
    hint = serializers.CharField(help_text="the modern spelling, or what to do")
    severity = serializers.CharField()


class CountShape(serializers.Serializer[None]):
    code = serializers.CharField()
    count = serializers.IntegerField()


class FindingsShape(PageShape):
    bundle_id = serializers.UUIDField(allow_null=True, help_text="the version they are about")
    findings = FindingShape(many=True)
    counts = CountShape(many=True, help_text="of all that match, most frequent first")
    total_entries = serializers.IntegerField()
