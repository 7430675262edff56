"""What else a rule does when an alert opens: pause DAGs, or trigger one that mends. Its refusal stops no alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import structlog
from django.db import transaction

from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.record_event import record_event
from controlplane.runs.pause import set_paused
from controlplane.runs.trigger import trigger_run
from domain.alerting.message import Occurrence

log = structlog.get_logger("alerts")

WHO = "alert rule"


def act(
    *, action: dict[str, Any], items: Sequence[Occurrence], rule: AlertRule, now: datetime, using: str
) -> None:
    """`{"kind": "pause", "dag_ids": [patterns]}` (without patterns: the failing DAGs) or
    `{"kind": "trigger", "dag_id": …, "conf": …}`. In a savepoint: a DAG that cannot be run is only logged."""
    failing = sorted({item.dag_id for item in items if item.dag_id})
    if action["kind"] == "trigger" and failing == [action["dag_id"]]:
        log.warning("alert.action_refused", rule=str(rule.id), why="a DAG does not mend itself")
        return
    try:
        with transaction.atomic(using=using):
            if action["kind"] == "pause":
                _pause(action.get("dag_ids") or failing, rule, now, using)
            else:
                _trigger(action, failing, rule, now, using)
    except (LookupError, ValueError) as error:
        log.warning("alert.action_failed", rule=str(rule.id), error=type(error).__name__)


def _pause(patterns: Sequence[str], rule: AlertRule, now: datetime, using: str) -> None:
    names = Dag.objects.using(using).filter(is_paused=False).values_list("dag_id", flat=True)
    for dag_id in [name for name in names if any(fnmatchcase(name, one) for one in patterns)]:
        set_paused(dag_id=dag_id, is_paused=True, now=now, using=using)
        Dag.objects.using(using).filter(dag_id=dag_id).update(pause_reason=f"{WHO}: {rule.name}"[:500])
        record_event(
            event="paused", owner=WHO, now=now, extra=f"rule {rule.name}", using=using, dag_id=dag_id
        )


def _trigger(
    action: dict[str, Any], failing: Sequence[str], rule: AlertRule, now: datetime, using: str
) -> None:
    run = trigger_run(
        dag_id=action["dag_id"],
        run_id=None,
        logical_date=None,
        run_after=None,
        conf={**(action.get("conf") or {}), "alert": {"rule": rule.name, "dag_ids": list(failing)}},
        note=f"{WHO}: {rule.name}",
        triggered_by="rest_api",
        user=WHO,
        now=now,
        using=using,
    )
    record_event(
        event="trigger_dag_run",
        owner=WHO,
        now=now,
        extra=f"rule {rule.name}",
        using=using,
        dag_id=run.dag_id,
        run_id=run.run_id,
    )
