"""Budgets: what a tenant spent this month against what it wants to spend, and which thresholds it passed.

A passed threshold is one row of `budget_burn` per budget and month: alerts read these. Money is in millionths of
the plan's currency, rounded half up once per sum, never per row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from controlplane.foundation.db import execute
from controlplane.ledger.alerting import tell
from controlplane.ledger.models.budget import Budget
from tenants.limits.read import read_quota

_HOUR_US = 3600 * 10**6
_GIB_HOUR_MIB_US = 1024 * _HOUR_US
_GIB_MONTH_BYTE_DAYS = 30 * 2**30


def cost_micros(
    *,
    prices: Mapping[str, int],
    task_us: int = 0,
    cpu_us: int = 0,
    memory_mib_us: int = 0,
    storage_byte_days: int = 0,
) -> int:
    """What these sums cost, in millionths; exact integers, each unit rounded half up."""
    parts = (
        ("task_hour", task_us, _HOUR_US),
        ("cpu_hour", cpu_us, _HOUR_US),
        ("memory_gib_hour", memory_mib_us, _GIB_HOUR_MIB_US),
        ("storage_gib_month", storage_byte_days, _GIB_MONTH_BYTE_DAYS),
    )
    return sum((2 * used * prices.get(name, 0) + unit) // (2 * unit) for name, used, unit in parts)


def burn_budgets(*, now: datetime, using: str) -> int:
    """Write a row for each threshold that was passed and not written yet; returns how many. In the tenant's scope."""
    budgets = list(Budget.objects.using(using).all())
    if not budgets:
        return 0
    plan = read_quota(using=using).plan
    prices = plan.prices if plan else {}
    month = month_of(now.date())
    spent = spent_in(month=month, budgets=budgets, prices=prices, using=using)
    passed = [
        (budget, threshold, spent.get(budget.dag_id, 0))
        for budget in budgets
        for threshold in budget.thresholds
        if spent.get(budget.dag_id, 0) * 100 >= budget.amount_micros * threshold
    ]
    if not passed:
        return 0
    rows = execute(
        "maintenance/sql/put_burns.sql",
        using=using,
        budgets=[budget.id for budget, _, _ in passed],
        dags=[budget.dag_id for budget, _, _ in passed],
        thresholds=[threshold for _, threshold, _ in passed],
        amounts=[budget.amount_micros for budget, _, _ in passed],
        spent=[amount for _, _, amount in passed],
        month=month,
        now=now,
    )
    for dag_id, threshold, amount, used in rows:
        what = f"{threshold}% of the budget of {dag_id or 'the tenant'} is spent in {month:%Y-%m}"
        detail = {"what": what, "threshold": threshold, "amount_micros": amount, "spent_micros": used}
        tell(
            kind="budget_burn",
            now=now,
            subject=dag_id or "tenant",
            dag_id=dag_id or None,
            detail=detail,
            using=using,
        )
    return len(rows)


def spent_in(
    *, month: date, budgets: Sequence[Budget], prices: Mapping[str, int], using: str
) -> dict[str, int]:
    """What the tenant (''), and each DAG with a budget, spent in the month that begins so. In the tenant's scope."""
    rows = execute(
        "maintenance/sql/sum_usage.sql",
        using=using,
        first=month,
        dags=[budget.dag_id for budget in budgets if budget.dag_id],
    )
    return {
        row[0]: cost_micros(
            prices=prices, task_us=row[1], cpu_us=row[2], memory_mib_us=row[3], storage_byte_days=row[4]
        )
        for row in rows
    }


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)
