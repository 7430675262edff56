"""500 tasks under every limit at once: none is ever exceeded, and all of them come through."""

from __future__ import annotations

import random
from collections import Counter
from uuid import UUID

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import Fired, fire
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

RUNS, QUOTA = 4, 28
POOLS = {"narrow": (3, False), "parked": (4, True), "wide": (25, False)}
PER_DAG, PER_RUN, PER_TASK = 12, 5, 2
MAX_RUNS = 2


def test_no_limit_is_ever_exceeded(tenant: Tenant) -> None:
    chance = random.Random(7)
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=QUOTA)
        for name, (slots, include_deferred) in POOLS.items():
            Pool.objects.create(tenant=tenant, name=name, slots=slots, include_deferred=include_deferred)
    spec = specs.dag("crowd", crowd(chance), max_active_tasks=PER_DAG, max_active_runs=MAX_RUNS)
    alone = specs.dag("alone", [specs.task(f"a{n:02}", pool="wide") for n in range(60)], max_active_tasks=60)
    parsed_dag(tenant, spec)
    parsed_dag(tenant, alone)
    walk = walk_for(tenant)
    runs = [walk.trigger("crowd", run_id=f"r{n}") for n in range(RUNS)] + [walk.trigger("alone")]
    highest: Counter[str] = Counter()
    running: list[Workload] = []
    parked: list[Workload] = []
    for turn in range(2000):
        walk.schedule()
        running += walk.claim(batch=chance.choice([3, 50]))
        look(walk, highest)
        if turn % 20 == 0:
            invariants.check(tenant)
        if not running and not parked:
            break
        chance.shuffle(running)
        for work in [running.pop() for _ in range(min(len(running), chance.randint(4, 24)))]:
            state = chance.choices(["success", "skipped", "deferred"], weights=[8, 1, 1 if turn < 60 else 0])[
                0
            ]
            more = (
                {"classpath": "a.Trigger", "trigger_kwargs": {}, "next_method": "go"}
                if state == "deferred"
                else {}
            )
            if state == "deferred":
                parked.append(work)
            assert walk.say(work, state, **more).verdict == "accepted"
        if parked and (chance.random() < 0.3 or not running):
            resume(walk, parked.pop())
    assert [walk.run_state(run) for run in runs] == ["success"] * len(runs)
    with tenant_scope(tenant.id):
        assert TaskInstance.objects.count() >= 500
    # Each limit was reached, so it was it that held.
    assert highest["tenant"] == QUOTA
    assert {name: highest[f"pool {name}"] for name in POOLS} == {
        name: slots for name, (slots, _) in POOLS.items()
    }
    assert (highest["run"], highest["runs"]) == (PER_DAG, MAX_RUNS)
    assert (highest["task"], highest["run task"]) == (PER_RUN, PER_TASK)
    invariants.check(tenant, at_rest=True)


def crowd(chance: random.Random) -> list[dict[str, object]]:
    """110 tasks per run, in three layers, over all pools."""
    first = [f"f{n:02}" for n in range(50)]
    second = [f"s{n:02}" for n in range(40)]
    tasks = [
        specs.task(
            name,
            *chance.sample(second, 2),
            pool=chance.choice(list(POOLS)),
            pool_slots=chance.choice([1, 1, 2]),
            priority_weight=chance.randint(1, 5),
            trigger_rule="all_done",
        )
        for name in first
    ]
    tasks += [
        specs.task(
            name,
            pool=chance.choice(["narrow", "wide"]),
            trigger_rule="none_failed",
            max_active_tis_per_dag=PER_RUN if n % 2 else None,
        )
        for n, name in enumerate(second)
    ]
    each = {"is_mapped": True, "expand": {"kind": "literal", "length": 10}}
    tasks.append(specs.task("m1", max_active_tis_per_dag=PER_RUN, pool="wide", priority_weight=9, **each))
    tasks.append(specs.task("m2", max_active_tis_per_dagrun=PER_TASK, pool="wide", priority_weight=9, **each))
    return tasks


def resume(walk: Walk, work: Workload) -> None:
    """Its trigger fires."""
    with tenant_scope(walk.tenant.id):
        assert fire(fired=[Fired(id=UUID(work.id), epoch=work.epoch, event="go")], now=utc_now())


def look(walk: Walk, highest: Counter[str]) -> None:
    """Count what is active now, against every limit; remember the highest."""
    with tenant_scope(walk.tenant.id):
        rows = list(
            TaskInstance.objects.filter(state__in=["queued", "running", "deferred"]).values_list(
                "state", "dag_id", "run_id", "task_id", "pool", "pool_slots"
            )
        )
    holding = [row for row in rows if row[0] != "deferred"]
    pools: Counter[str] = Counter()
    for state, _, _, _, pool, slots in rows:
        if state != "deferred" or POOLS.get(pool, (0, False))[1]:
            pools[pool] += slots
    seen = {
        "tenant": (len(holding), QUOTA),
        "run": (max(Counter(row[2] for row in holding if row[1] == "crowd").values(), default=0), PER_DAG),
        "runs": (len({row[2] for row in rows if row[1] == "crowd"}), MAX_RUNS),
        "task": (max(Counter(row[3] for row in rows if row[3] == "m1").values(), default=0), PER_RUN),
        "run task": (max(Counter(row[2:4] for row in rows if row[3] == "m2").values(), default=0), PER_TASK),
        **{f"pool {name}": (pools[name], slots) for name, (slots, _) in POOLS.items()},
    }
    for name, (active, limit) in seen.items():
        assert active <= limit, f"{name}: {active} of {limit}"
        highest[name] = max(highest[name], active)
