"""`ask_past.sql` answers like `domain.past` over random histories of runs, states and rules."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.past import ask_past
from domain.past import PastRule, PastRun, is_past_met
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import created_run, parsed_dag

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
STATES = [
    None,
    "scheduled",
    "running",
    "success",
    "success",
    "success",
    "skipped",
    "failed",
    "upstream_failed",
]
RULES = [
    PastRule.DEPENDS | downstream | first | catchup
    for downstream, first, catchup in product(
        (PastRule.NONE, PastRule.DOWNSTREAM),
        (PastRule.NONE, PastRule.IGNORE_FIRST),
        (PastRule.NONE, PastRule.CATCHUP),
    )
]


@pytest.mark.parametrize("seed", range(6))
def test_sql_asks_like_the_rules(tenant: Tenant, seed: int) -> None:
    chance = random.Random(seed)
    tasks = [
        specs.task("asks", "below", "other"),
        specs.task("below", "far"),
        specs.task("far"),
        specs.task("other"),
    ]
    dag = parsed_dag(tenant, specs.dag("past", tasks))
    days = chance.sample(range(20), 6)
    types = [chance.choice(["scheduled", "manual", "backfill"]) for _ in days]
    runs = [
        created_run(tenant, dag, run_id=f"run-{n}", logical_date=FIRST + timedelta(days=day), run_type=kind)
        for n, (day, kind) in enumerate(zip(days, types, strict=True))
    ]
    runs.append(created_run(tenant, dag, run_id="dateless"))
    answers = set()
    for rule in RULES:
        start = chance.choice([None, FIRST + timedelta(days=chance.randrange(20))])
        wanted, found = {}, {}
        for run in runs:
            with tenant_scope(tenant.id):
                past = {one.id: _scramble(one, chance) for one in runs}
                DagTask.objects.filter(task_id="asks").update(past_rule=int(rule), start_date=start)
                asked = TaskInstance.objects.filter(dag_run_id=run.id, task_id="asks").first()
                if asked is None:
                    continue
                TaskInstance.objects.filter(id=asked.id).update(
                    state=None, held_reason=None, past_run_id=None
                )
                wanted[run.run_id] = is_past_met(
                    rule=rule,
                    task_id="asks",
                    downstream=["below", "other"],
                    start_date=start,
                    run=past[run.id],
                    others=[one for key, one in past.items() if key != run.id],
                )
                ask_past(ids=[asked.id], now=utc_now(), using="default")
                row = TaskInstance.objects.get(id=asked.id)
                found[run.run_id] = row.state == "scheduled"
                assert found[run.run_id] is (row.held_reason is None)
        assert found == wanted, (rule, start)
        answers |= set(found.values())
    assert answers == {True, False}, "otherwise this compares nothing"


def _scramble(run: DagRun, chance: random.Random) -> PastRun:
    """New states for all tasks of a run; sometimes it never had the task that asks, sometimes it began a backfill."""
    ordinal = chance.choice([None, None, None, 1, 2])
    DagRun.objects.filter(id=run.id).update(
        backfill_id=run.id if ordinal else None, backfill_ordinal=ordinal, awaited=False
    )
    rows = list(TaskInstance.objects.filter(dag_run_id=run.id))
    states = {}
    for row in rows:
        state = chance.choice(STATES)
        # A task that was not there: told apart by another name, the row itself may be needed again.
        gone = row.task_id.removeprefix("gone-") == "asks" and chance.random() < 0.15
        name = row.task_id.removeprefix("gone-")
        TaskInstance.objects.filter(id=row.id).update(state=state, task_id=f"gone-{name}" if gone else name)
        states[f"gone-{name}" if gone else name] = [state]
    return PastRun(
        logical_date=run.logical_date, run_type=run.run_type, states=states, backfill_ordinal=ordinal
    )
