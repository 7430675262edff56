"""Alerts that no success ends: they are looked at again while they go on, and end when what they tell of is gone.

One work item per open alert (`alert_check`), planned when it opens: first after a minute, then ever more seldom. A tenant
without open alerts pays nothing. What is looked at:

- `no_consumer`: an agent serves the queue, or nothing waits in it any more.
- `error_budget`: no tier of the rule burns any more.
- `budget_burn`: the month is over, or less is spent than any threshold of the budget, or there is no such budget.
- `canary_failed`: what failed is not in force any more.
- `secret_failed`, and kinds that are not named here: it was quiet for an hour.
- `import_error`: the file is gone, with its error.
- Kinds that end with a DAG's success: the DAG is gone, so that none can come.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from controlplane.alerts.weigh import SETTLED_BY_SUCCESS, Facts
from controlplane.foundation.db import execute
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.budget import Budget
from controlplane.ledger.models.budget_burn import BudgetBurn
from controlplane.ledger.models.canary import Canary
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.import_error import ImportError as BrokenFile
from controlplane.ledger.transitions import add_items

SOONEST, LATEST = timedelta(minutes=1), timedelta(minutes=30)
QUIET = timedelta(hours=1)
BY = "its cause is gone"


def check_due(*, ref: UUID, now: datetime, using: str) -> None:
    """Work item `alert_check`, in the tenant's scope."""
    rows = Alert.objects.using(using).select_related("rule").filter(id=ref)
    alert = rows.select_for_update(of=("self",)).first()
    if alert is None or alert.state == "resolved":
        return
    look = _LOOKS.get(alert.kind, _still_loud)
    left = look(alert, now, using)
    if left is None:
        _resolve(alert, now, using)
        return
    if left != alert.dags:
        alert.dags = left
        alert.save(using=using, update_fields=["dags"])
    add_items(items=[("alert_check", alert.id, next_check(alert, now))], using=using)


def next_check(alert: Alert, now: datetime) -> datetime:
    """The longer it goes on, the more seldom."""
    return now + min(LATEST, max(SOONEST, (now - alert.opened_at) / 4))


def _resolve(alert: Alert, now: datetime, using: str) -> None:
    alert.state, alert.tell_at, alert.dags = "resolved", None, []
    alert.resolved_at, alert.resolved_by = now, BY
    alert.save(using=using, update_fields=["state", "tell_at", "dags", "resolved_at", "resolved_by"])
    if alert.notified_at is not None:
        add_items(items=[("alert_tell", alert.id, now)], using=using)


def _unserved(alert: Alert, now: datetime, using: str) -> list[str] | None:
    """Each look: what of `alert.dags` is left; None: its cause is gone."""
    return [
        row[0] for row in execute("alerts/sql/unserved_queues.sql", using=using, queues=alert.dags)
    ] or None


def _burning(alert: Alert, now: datetime, using: str) -> list[str] | None:
    dag_id = alert.items[-1].get("dag_id") if alert.items else None
    return None if Facts([], now, using).burning(alert.rule, dag_id) is None else alert.dags


def _spent(alert: Alert, now: datetime, using: str) -> list[str] | None:
    if alert.last_at.astimezone(UTC).strftime("%Y-%m") != now.astimezone(UTC).strftime("%Y-%m"):
        return None
    names = {item.get("dag_id") or "" for item in alert.items}
    budgets = Budget.objects.using(using).filter(dag_id__in=names)
    month = now.astimezone(UTC).date().replace(day=1)
    for budget in budgets:
        newest = (
            BudgetBurn.objects.using(using).filter(budget_id=budget.id, month=month).order_by("-id").first()
        )
        if newest is not None and newest.spent_micros * 100 >= budget.amount_micros * min(budget.thresholds):
            return alert.dags
    return None


def _broken(alert: Alert, now: datetime, using: str) -> list[str] | None:
    files = BrokenFile.objects.using(using).filter(filename__in=alert.dags)
    return sorted(files.values_list("filename", flat=True)) or None


def _tried(alert: Alert, now: datetime, using: str) -> list[str] | None:
    failed = Canary.objects.using(using).filter(deployment__state="active", state="failed")
    return alert.dags if failed.exists() else None


def _there(alert: Alert, now: datetime, using: str) -> list[str] | None:
    dags = Dag.objects.using(using).filter(dag_id__in=alert.dags)
    return sorted(dags.values_list("dag_id", flat=True)) or None


def _still_loud(alert: Alert, now: datetime, using: str) -> list[str] | None:
    return None if alert.last_at <= now - QUIET else alert.dags


_LOOKS: dict[str, Callable[[Alert, datetime, str], list[str] | None]] = {
    "no_consumer": _unserved,
    "error_budget": _burning,
    "budget_burn": _spent,
    "import_error": _broken,
    "canary_failed": _tried,
    **dict.fromkeys(SETTLED_BY_SUCCESS, _there),
}
