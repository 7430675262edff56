"""What goes in and out about trying deployments out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from controlplane.bundles.canaries import MARK, ROLL_BACK, Trial
from controlplane.ledger.models.canary import Canary

MOST_CONF_CHARACTERS = 64 * 1024
_SHOWN = (
    "state", "dag_id", "run_id", "seconds", "on_failure", "message", "rolled_back_by", "started_at", "ended_at",
)  # fmt: skip


class CanaryBody(serializers.Serializer[None]):
    dag_id = serializers.CharField(
        max_length=250,
        allow_blank=True,
        default="",
        help_text="The DAG that is run; without one, no file may fail to import",
    )
    conf = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)
    seconds = serializers.IntegerField(
        min_value=10, max_value=86_400, default=600, help_text="How long the run may take"
    )
    on_failure = serializers.ChoiceField((ROLL_BACK, MARK), default=ROLL_BACK)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["conf"] and not attrs["dag_id"]:
            raise serializers.ValidationError({"conf": ["is for a run: name its dag_id"]})
        text = json.dumps(attrs["conf"])
        if len(text) > MOST_CONF_CHARACTERS:
            raise serializers.ValidationError({"conf": [f"has more than {MOST_CONF_CHARACTERS} characters"]})
        if "\0" in str(attrs["conf"]) or "\\u0000" in text:
            raise serializers.ValidationError({"conf": ["holds the character NUL, which cannot be stored"]})
        return attrs


class CanaryOfDeployment(serializers.Serializer[None]):
    state = serializers.ChoiceField(("waiting", "running", "passed", "failed", "dropped"))
    dag_id = serializers.CharField()
    run_id = serializers.CharField()
    seconds = serializers.IntegerField()
    on_failure = serializers.CharField()
    message = serializers.CharField(help_text="Why it passed or failed, and what was done about it")
    rolled_back_by = serializers.IntegerField(allow_null=True, help_text="The deployment that took it back")
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


def read_trial(given: dict[str, Any] | None) -> Trial | None:
    """What a checked body asks for."""
    return None if given is None else Trial(**given)


def shown_trial(row: Canary | None, *, deployment_state: str) -> dict[str, Any] | None:
    """A trial for people. One whose deployment will never be in force is dropped, too."""
    if row is None:
        return None
    told = {name: getattr(row, name) for name in _SHOWN}
    if row.state == "waiting" and deployment_state in ("dropped", "failed"):
        told["state"] = "dropped"
    return told


def shown_standing(trial: Trial | None) -> dict[str, Any] | None:
    """What the tenant wants of every deployment."""
    return None if trial is None else asdict(trial)
