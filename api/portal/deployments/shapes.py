"""What goes in and out of the operations on deployments."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from api.portal.deployments.trial_shapes import CanaryBody, CanaryOfDeployment
from api.portal.pages import PageShape

MOST_VALUES = 500
MOST_VALUE_CHARACTERS = 64 * 1024


class DeploymentQuery(serializers.Serializer[None]):
    state = serializers.ChoiceField(
        ("waiting", "active", "superseded", "dropped", "failed"), required=False, default=None
    )


class BoundConnectionBody(serializers.Serializer[None]):
    conn_type = serializers.CharField(max_length=500)
    host = serializers.CharField(max_length=500, allow_null=True, default=None)
    schema = serializers.CharField(max_length=500, allow_null=True, default=None)
    login = serializers.CharField(max_length=500, allow_null=True, default=None)
    password = serializers.CharField(max_length=MOST_VALUE_CHARACTERS, allow_null=True, default=None)
    port = serializers.IntegerField(min_value=0, max_value=65535, allow_null=True, default=None)
    extra = serializers.CharField(max_length=MOST_VALUE_CHARACTERS, allow_null=True, default=None)


class NewDeploymentBody(serializers.Serializer[None]):
    """What is not given is as in the newest deployment; `{}` takes all of a kind away."""

    bundle_id = serializers.UUIDField(required=False, help_text="By default what is in force")
    runtime_id = serializers.UUIDField(required=False, help_text="By default the bundle version's own")
    variables = serializers.DictField(
        child=serializers.CharField(
            max_length=MOST_VALUE_CHARACTERS, allow_blank=True, trim_whitespace=False
        ),
        required=False,
    )
    connections = serializers.DictField(child=BoundConnectionBody(), required=False)
    pools = serializers.DictField(
        child=serializers.IntegerField(min_value=-1, max_value=2**31 - 1), required=False
    )
    message = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    canary = CanaryBody(
        required=False,
        allow_null=True,
        help_text="How it is tried out once it is in force; by default as the mode says, null for not at all",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for kind, most in (("variables", 250), ("connections", 250), ("pools", 256)):
            names = attrs.get(kind, {})
            if len(names) > MOST_VALUES:
                raise serializers.ValidationError({kind: [f"at most {MOST_VALUES} can be bound"]})
            for name in names:
                if not name or len(name) > most or "\0" in name:
                    raise serializers.ValidationError(
                        {kind: [f"{name[:80]!r} must have 1 to {most} characters"]}
                    )
        return attrs


class RollBackBody(serializers.Serializer[None]):
    message = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    pin = serializers.BooleanField(default=False, help_text="Stay there: pushes no longer deploy")


class ModeBody(serializers.Serializer[None]):
    mode = serializers.ChoiceField(("automatic", "manual"), required=False)
    pinned = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    canary = CanaryBody(
        required=False, allow_null=True, help_text="How every deployment is tried out; null: none is"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("pinned") is not None:
            raise serializers.ValidationError(
                {"pinned": ["only null: to pin, roll back to that deployment with `pin`"]}
            )
        return attrs


class ModeShape(serializers.Serializer[None]):
    mode = serializers.ChoiceField(("automatic", "manual"))
    pinned = serializers.IntegerField(allow_null=True)
    canary = CanaryBody(allow_null=True)


class BundleOfDeployment(serializers.Serializer[None]):
    id = serializers.UUIDField()
    digest = serializers.CharField()
    commit_sha = serializers.CharField(allow_null=True)
    branch = serializers.CharField(allow_null=True)
    source = serializers.CharField()
    message = serializers.CharField()
    pushed_by = serializers.CharField()
    state = serializers.CharField()


class RuntimeOfDeployment(serializers.Serializer[None]):
    id = serializers.UUIDField()
    digest = serializers.CharField()
    airflow = serializers.CharField()
    python = serializers.CharField()
    requirements = serializers.CharField()
    state = serializers.CharField()


class BoundShape(serializers.Serializer[None]):
    variables = serializers.ListField(
        child=serializers.CharField(), help_text="Names; values are never shown"
    )
    connections = serializers.ListField(child=serializers.CharField())
    pools = serializers.DictField(child=serializers.IntegerField())


class DeploymentShape(serializers.Serializer[None]):
    number = serializers.IntegerField()
    state = serializers.CharField()
    reason = serializers.CharField()
    of_number = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    summary = serializers.DictField()
    bundle = BundleOfDeployment()
    runtime = RuntimeOfDeployment(allow_null=True)
    bound = BoundShape()
    canary = CanaryOfDeployment(allow_null=True)


class DeploymentsShape(PageShape):
    deployments = DeploymentShape(many=True)
    mode = serializers.CharField()
    pinned = serializers.IntegerField(allow_null=True)


class NamesDiff(serializers.Serializer[None]):
    added = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())


class DiffShape(serializers.Serializer[None]):
    older = serializers.IntegerField(allow_null=True)
    newer = serializers.IntegerField()
    files = NamesDiff()
    requirements = NamesDiff()
    airflow = serializers.ListField(child=serializers.CharField(), help_text="Before and after")
    python = serializers.ListField(child=serializers.CharField())
    variables = NamesDiff()
    connections = NamesDiff()
    pools = NamesDiff()
    unified = serializers.CharField(help_text="Changed text files as a unified diff, cut at 200 kB")
