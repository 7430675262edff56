"""GET, PATCH /tenants/{slug}/settings: what a tenant turns by itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.view import PortalView, read
from api.problems import Problem, problem
from controlplane.bundles.reparse import set_interval
from controlplane.foundation.clock import utc_now
from controlplane.runs.quota import look_at_silent
from tenants.audit.record import record_change
from tenants.scope import tenant_scope
from tenants.tuning import SettingInvalid, change_settings, read_settings

_INVALID = Problem(422, "setting-invalid", "This setting cannot be set so")


class SettingShape(serializers.Serializer[None]):
    """`least` and `most` are what it may be here: the smaller plan counts. Both are null for yes or no."""

    name = serializers.CharField()
    meaning = serializers.CharField()
    counts = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    default = serializers.JSONField(allow_null=True)
    is_set = serializers.BooleanField()
    least = serializers.IntegerField(allow_null=True)
    most = serializers.IntegerField(allow_null=True)


class SettingsShape(serializers.Serializer[None]):
    settings = SettingShape(many=True)


class SettingsBody(serializers.Serializer[None]):
    """Settings by name; what is not named stays."""

    settings = serializers.DictField(child=serializers.JSONField(allow_null=True), allow_empty=False)


class TenantSettings(PortalView):
    @extend_schema(responses={200: SettingsShape})
    def get(self, request: Request, slug: str) -> Response:
        """How often and how long files are parsed, how long a task may be silent, whether new DAGs begin paused."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            return Response(_shape())

    @extend_schema(request=SettingsBody, responses={200: SettingsShape})
    def patch(self, request: Request, slug: str) -> Any:
        """Change some. Nothing has to be started again."""
        access = self.access(request, slug, "tenant.edit")
        wanted: dict[str, object] = read(SettingsBody, request)["settings"]
        try:
            with tenant_scope(access.tenant_id):
                before = change_settings(wanted)
                if "parse_interval_seconds" in wanted:
                    set_interval(now=utc_now())
                if "heartbeat_timeout_seconds" in wanted:
                    look_at_silent()
                record_change(
                    action="tenant.settings.changed",
                    target=f"tenant:{access.tenant_id}",
                    before=before,
                    after=wanted,
                )
                shape = _shape()
        except SettingInvalid as error:
            return problem(_INVALID, detail=str(error), errors={error.field: [str(error)]})
        return Response(shape)


def _shape() -> dict[str, Any]:
    settings = []
    for name, held in read_settings().items():
        knob = held.knob
        said = {"meaning": knob.meaning, "counts": knob.counts, "default": knob.default, "most": knob.most}
        settings.append(
            {"name": name, **said, "value": held.value, "is_set": held.is_set, "least": held.least}
        )
    return {"settings": settings}
