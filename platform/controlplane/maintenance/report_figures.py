"""What a report says of one tenant and one period: runs, error budgets, alerts, usage and cost. In the tenant's scope.

Everything is added up from daily sums (`run_day`, `usage_day`, `usage_storage`) and from rows found by an index of their
time: what is read grows with the days and DAGs of the period, never with what the tenant keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from controlplane.foundation.db import execute
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.budget import Budget
from controlplane.ledger.models.dag import Dag
from controlplane.maintenance.budgets import month_of, spent_in
from controlplane.maintenance.usage_read import usage
from domain.alerting.rules import Subject, fits, setting
from domain.reporting import span_before
from tenants.limits.read import read_quota

TOP = 10
_ENDS = ("succeeded", "failed", "unfinished", "deadlines_missed")
Counts = Mapping[str, dict[str, int]]


def figures(*, period: str, first: date, last: date, objective: float, using: str) -> dict[str, Any]:
    """From `first` to before `last`, as JSON. Money in millionths of the plan's currency."""
    runs, before = _runs(first, last, using), _runs(*span_before(period, first), using)
    plan = read_quota(using=using).plan
    prices = plan.prices if plan else {}
    span: dict[str, Any] = {"first": first, "last": last, "prices": prices, "using": using}
    total = usage(by="total", **span)
    by_dag = sorted(usage(by="dag", **span), key=lambda used: (-used.cost_micros, -used.task_seconds))
    return {
        "runs": _said(runs.get("", {})),
        "runs_before": _said(before.get("", {})),
        "deadlines_missed": runs.get("", {}).get("deadlines_missed", 0),
        "failing": [
            {"dag_id": dag_id, **_said(ends)} for dag_id, ends in runs.items() if dag_id and ends["failed"]
        ][:TOP],
        "error_budgets": [_budget("all runs", objective, [""], runs), *_rules(runs, using)],
        "alerts": _alerts(first, last, using),
        "usage": _used(total[0]) if total else None,
        "costliest": [{"dag_id": used.dag_id, **_used(used)} for used in by_dag[:TOP]],
        "currency": plan.currency if plan else None,
        "budgets": _budgets(last - timedelta(days=1), prices, using),
    }


def _runs(first: date, last: date, using: str) -> Counts:
    """DAG -> how its runs ended, most failures first; '' is all of them."""
    rows = execute("maintenance/sql/sum_runs.sql", using=using, first=first, last=last)
    return {row[0]: dict(zip(_ENDS, row[1:], strict=True)) for row in rows}


def _said(ends: Mapping[str, int]) -> dict[str, Any]:
    succeeded, failed, unfinished = (ends.get(name, 0) for name in _ENDS[:3])
    over = succeeded + failed
    return {
        "succeeded": succeeded,
        "failed": failed,
        "unfinished": unfinished,
        "success_rate": round(succeeded / over, 6) if over else None,
    }


def _budget(name: str, objective: float, dags: Sequence[str], runs: Counts) -> dict[str, Any]:
    """`used`: the share of the error budget that failures took; 1 is all of it; None: nothing ended."""
    failed = sum(runs[dag]["failed"] for dag in dags if dag in runs)
    over = failed + sum(runs[dag]["succeeded"] for dag in dags if dag in runs)
    used = round(failed / (over * (1.0 - objective)), 6) if over else None
    return {"name": name, "objective": objective, "runs": over, "failed": failed, "used": used}


def _rules(runs: Counts, using: str) -> list[dict[str, Any]]:
    """The objectives that the tenant's rules of kind `error_budget` name, each for the DAGs that it is about."""
    rules = list(AlertRule.objects.using(using).filter(kind="error_budget", is_enabled=True).order_by("name"))
    if not rules:
        return []
    dags = [Subject(*row) for row in Dag.objects.using(using).values_list("dag_id", "owners", "tags")]
    return [
        _budget(
            rule.name,
            setting(rule.kind, rule.settings, "objective"),
            [dag.dag_id for dag in dags if dag.dag_id and fits(rule.selector, dag)],
            runs,
        )
        for rule in rules
    ]


def _alerts(first: date, last: date, using: str) -> dict[str, int]:
    """Alerts that opened, by severity. Ids begin with their time: the index of ids finds them."""
    rows = Alert.objects.using(using).filter(id__gte=_first_id(first), id__lt=_first_id(last))
    counted = rows.values_list("severity").annotate(n=Count("id")).order_by()
    return {"page": 0, "ticket": 0} | dict(counted)


def _first_id(day: date) -> UUID:
    at = datetime.combine(day, time(), tzinfo=UTC)
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _used(used: Any) -> dict[str, Any]:
    return {
        "attempts": used.attempts,
        "task_hours": round(used.task_seconds / 3600, 3),
        "cpu_hours": round(used.cpu_seconds / 3600, 3),
        "memory_gib_hours": round(used.memory_gib_hours, 3),
        "storage_gib_days": round(used.storage_gib_days, 3),
        "cost_micros": used.cost_micros,
    }


def _budgets(day: date, prices: Mapping[str, int], using: str) -> list[dict[str, Any]]:
    """What is spent of each budget in the month of `day`."""
    rows = list(Budget.objects.using(using).order_by("dag_id"))
    month = month_of(day)
    spent = spent_in(month=month, budgets=rows, prices=prices, using=using) if rows else {}
    return [
        {
            "dag_id": row.dag_id,
            "month": f"{month:%Y-%m}",
            "amount_micros": row.amount_micros,
            "spent_micros": spent.get(row.dag_id, 0),
        }
        for row in rows
    ]
