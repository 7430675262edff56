"""Tasks with dates of their own: a run outside them does not have the task, and what is below it waits in vain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db

BEFORE, START, BETWEEN, END, AFTER = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3, 4, 5))
DATES: dict[str, Any] = {"start_date": START.isoformat(), "end_date": END.isoformat()}


@pytest.mark.parametrize(
    ("logical_date", "has"),
    [(BEFORE, False), (START, True), (BETWEEN, True), (END, True), (AFTER, False), (None, True)],
)
def test_a_run_has_only_tasks_of_its_time(tenant: Tenant, logical_date: datetime | None, has: bool) -> None:
    parsed_dag(tenant, specs.dag("dated", [specs.task("dated", **DATES), specs.task("always")]))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=logical_date)
    walk.run_all()
    assert walk.states(run) == {"always": "success", **({"dated": "success"} if has else {})}
    assert walk.run_state(run) == "success"
    invariants.check(tenant, at_rest=True)


def test_a_backfill_has_them_all(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("dated", [specs.task("dated", **DATES)]))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=AFTER, run_type="backfill")
    assert walk.states(run) == {"dated": None}


def test_a_run_without_any_task_is_a_success_at_once(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("dated", [specs.task("dated", **DATES)]))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=AFTER)
    walk.schedule()
    assert (walk.states(run), walk.run_state(run)) == ({}, "success")


DEADLOCKS = [
    ([specs.task("dated", "below", **DATES), specs.task("below")], {"below": None}),
    (
        [
            specs.task("first", "below"),
            specs.task("dated", "below", **DATES),
            specs.task("below", "last"),
            specs.task("last"),
        ],
        {"first": "success", "below": None, "last": None},
    ),
]


@pytest.mark.parametrize(("tasks", "states"), DEADLOCKS)
def test_a_run_in_which_nothing_can_happen_any_more_fails(
    tenant: Tenant, tasks: list[dict[str, Any]], states: dict[str, str | None]
) -> None:
    parsed_dag(tenant, specs.dag("dated", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=AFTER)
    walk.run_all()
    assert walk.states(run) == states
    with tenant_scope(tenant.id):
        row = DagRun.objects.get(id=run.id)
    assert (row.state, row.fails_by) == ("failed", "all_tasks_deadlocked")


def test_rules_that_are_met_without_the_missing_task_go_on(tenant: Tenant) -> None:
    tasks = [
        specs.task("first", "below"),
        specs.task("dated", "below", **DATES),
        specs.task("below", trigger_rule="one_success"),
    ]
    parsed_dag(tenant, specs.dag("dated", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=AFTER)
    walk.run_all()
    assert walk.states(run) == {"first": "success", "below": "success"}
    assert walk.run_state(run) == "success"


def test_while_something_runs_nothing_is_given_up(tenant: Tenant) -> None:
    tasks = [
        specs.task("dated", "below", **DATES),
        specs.task("below"),
        specs.task("slow"),
        specs.task("quick"),
    ]
    parsed_dag(tenant, specs.dag("dated", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("dated", logical_date=AFTER)
    walk.schedule()
    works = {work.task.ti["task_id"]: work for work in walk.claim() if work.task}
    walk.say(works["quick"], "success")
    walk.schedule()
    assert walk.run_state(run) == "running"
    walk.say(works["slow"], "success")
    walk.schedule()
    assert walk.run_state(run) == "failed"
