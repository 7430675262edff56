"""The watchdog for what did not happen: rules that want a run every so often.

One work item per such rule, due at the first instant at which a run could be missing: a tenant whose DAGs run costs one
statement per interval, a tenant without such a rule nothing. A paused DAG and one that lost its schedule are silent
too, which is why this does not ask the timetable.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger import alerting
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.transitions import add_items
from domain.alerting.rules import Subject, fits, setting

KIND = "run_absent"


def watch(*, rule: AlertRule, now: datetime, using: str = "default") -> None:
    """The rule was made or changed: look at once. An item of an earlier version finds nothing new to do."""
    if rule.kind == KIND and rule.is_enabled:
        add_items(items=[("alert_absent", rule.id, now)], using=using)


def absence_due(*, ref: UUID, now: datetime, using: str) -> None:
    """Work item `alert_absent`: tell of DAGs without a run for too long, and look again when the next could be."""
    rule = AlertRule.objects.using(using).filter(id=ref, is_enabled=True, kind=KIND).first()
    if rule is None or execute("alerts/sql/is_watched.sql", using=using, rule=ref):
        return
    within = timedelta(seconds=setting(KIND, rule.settings, "within_seconds"))
    again = now + within
    for dag_id, owners, tags, newest in execute("alerts/sql/newest_runs.sql", using=using):
        if not fits(rule.selector, Subject(dag_id, owners, tags)):
            continue
        if newest + within > now:
            again = min(again, newest + within)
            continue
        what = f"the newest is of {newest:%Y-%m-%d %H:%M} UTC"
        alerting.tell(
            kind=KIND, now=now, dag_id=dag_id, detail={"rule": str(rule.id), "what": what}, using=using
        )
    add_items(items=[("alert_absent", rule.id, max(again, now + timedelta(seconds=1)))], using=using)
