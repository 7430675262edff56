"""Who is admitted, who waits, and that nobody waits for a limit that is not theirs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.capacity import Admission, Limits, PoolUse, ReadyTask, admit, order_ready

DAY = datetime(2025, 1, 1, tzinfo=UTC)
Task = ReadyTask[int, str]


def ready(number: int, **more: Any) -> Task:
    return ReadyTask(**{"id": number, "dag_id": "d", "run_id": "r", "task_id": f"t{number}", **more})


def ask(
    tasks: Sequence[Task],
    pools: Mapping[str, PoolUse] | None = None,
    *,
    run_active: Mapping[str, int] | None = None,
    task_active: Mapping[tuple[str, str], int] | None = None,
    run_task_active: Mapping[tuple[str, str], int] | None = None,
    tenant_free: int | None = None,
    limits: Limits | None = None,
) -> Admission[int]:
    return admit(
        ready=tasks,
        pools={"default_pool": PoolUse(slots=128)} if pools is None else pools,
        run_active=run_active or {},
        task_active=task_active or {},
        run_task_active=run_task_active or {},
        tenant_free=tenant_free,
        limits=limits,
    )


def codes(admission: Admission[int]) -> dict[int, str]:
    return {number: reason.code for number, reason in admission.held.items()}


def test_order_is_weight_then_date_then_map_index_then_first_come() -> None:
    tasks = [
        ready(1, priority_weight=1, logical_date=DAY),
        ready(2, priority_weight=5, logical_date=None),
        ready(3, priority_weight=5, logical_date=DAY + timedelta(days=1)),
        ready(4, priority_weight=5, logical_date=DAY, map_index=7),
        ready(5, priority_weight=5, logical_date=DAY, map_index=2),
        ready(6, priority_weight=5, logical_date=DAY, map_index=2),
    ]
    assert [task.id for task in order_ready(tasks)] == [5, 6, 4, 3, 2, 1]
    assert ask(tasks).admitted == [5, 6, 4, 3, 2, 1]


def test_pool_slots_are_counted_and_a_small_task_passes_a_large_one() -> None:
    pools = {"etl": PoolUse(slots=5, occupied=2)}
    found = ask(
        [
            ready(1, pool="etl", pool_slots=2, priority_weight=9),
            ready(2, pool="etl", pool_slots=2, priority_weight=8),
            ready(3, pool="etl", pool_slots=1, priority_weight=7),
            ready(4, pool="etl", pool_slots=1, priority_weight=6),
        ],
        pools,
    )
    assert found.admitted == [1, 3]
    assert str(found.held[2]) == "pool_full: pool 'etl' has 1 of 5 slots free; this task needs 2"
    assert str(found.held[4]) == "pool_full: pool 'etl' has 0 of 5 slots free; this task needs 1"


@pytest.mark.parametrize(
    ("pool", "slots", "code"),
    [
        (PoolUse(slots=-1, occupied=10**6), 999, None),
        (PoolUse(slots=5), 6, "pool_too_small"),
        (PoolUse(slots=0), 1, "pool_too_small"),
        (PoolUse(slots=0), 0, "pool_full"),
        (PoolUse(slots=1), 0, None),
        (PoolUse(slots=5, occupied=9), 1, "pool_full"),
        (PoolUse(slots=2, occupied=1, deferred=1), 1, None),
        (PoolUse(slots=2, occupied=1, deferred=1, include_deferred=True), 1, "pool_full"),
    ],
)
def test_pools(pool: PoolUse, slots: int, code: str | None) -> None:
    found = ask([ready(1, pool_slots=slots)], {"default_pool": pool})
    assert codes(found).get(1) == code


def test_an_unknown_pool_is_named_and_stops_nobody_else() -> None:
    found = ask([ready(1, pool="ghost", priority_weight=9), ready(2)])
    assert found.admitted == [2]
    assert found.held[1].code == "pool_unknown"
    assert "'ghost'" in found.held[1].sentence


def test_max_active_tasks_is_per_run() -> None:
    tasks = [ready(n, run_id=run, max_active_tasks=2) for n, run in enumerate(["r1", "r1", "r1", "r2"])]
    found = ask(tasks, run_active={"r1": 1})
    assert found.admitted == [0, 3]
    assert codes(found) == {1: "run_full", 2: "run_full"}
    assert "2" in found.held[1].sentence


def test_max_active_tis_per_dag_is_over_all_runs() -> None:
    tasks = [ready(n, task_id="t", run_id=f"r{n}", max_active_tis_per_dag=2) for n in range(3)]
    found = ask(tasks, task_active={("d", "t"): 1, ("other", "t"): 50})
    assert found.admitted == [0]
    assert codes(found) == {1: "task_full", 2: "task_full"}


def test_max_active_tis_per_dagrun_is_within_a_run() -> None:
    tasks = [ready(n, task_id="t", run_id=run, max_active_tis_per_dagrun=1) for n, run in enumerate("xxyy")]
    found = ask(tasks, run_task_active={("y", "t"): 1})
    assert found.admitted == [0]
    assert codes(found) == {1: "run_task_full", 2: "run_task_full", 3: "run_task_full"}
    four = [ready(n, task_id="t", max_active_tis_per_dagrun=3) for n in range(4)]
    assert ask(four).admitted == [0, 1, 2]


def test_tenant_executor_and_batch() -> None:
    tasks = [ready(n) for n in range(3)]
    assert codes(ask(tasks, tenant_free=2)) == {2: "tenant_full"}
    assert codes(ask(tasks, tenant_free=-4)) == dict.fromkeys(range(3), "tenant_full")
    assert codes(ask(tasks, limits=Limits(batch=1))) == {1: "batch_full", 2: "batch_full"}
    on_k8s = [ready(9, executor="kubernetes", priority_weight=9), *tasks]
    found = ask(on_k8s, limits=Limits(executor_free={"kubernetes": 0, None: 2}))
    assert codes(found) == {9: "executor_full", 2: "executor_full"}
    assert "'kubernetes'" in found.held[9].sentence


def test_the_callers_counts_are_left_alone() -> None:
    run_active, limits = {"r": 0}, Limits(batch=3, executor_free={None: 5})
    ask([ready(1, max_active_tasks=5)], run_active=run_active, limits=limits)
    assert run_active == {"r": 0}
    assert limits.executor_free == {None: 5}


POOLS = st.fixed_dictionaries(
    {
        name: st.builds(
            PoolUse,
            slots=st.integers(-1, 8),
            occupied=st.integers(0, 4),
            deferred=st.integers(0, 3),
            include_deferred=st.booleans(),
        )
        for name in ("p", "q")
    }
)
ONE = st.builds(
    ReadyTask,
    id=st.just(0),
    dag_id=st.sampled_from(["d", "e"]),
    run_id=st.sampled_from(["r", "s"]),
    task_id=st.sampled_from(["t", "u"]),
    map_index=st.integers(-1, 3),
    priority_weight=st.integers(-2, 3),
    logical_date=st.none() | st.just(DAY),
    pool=st.sampled_from(["p", "q", "ghost"]),
    pool_slots=st.integers(0, 4),
    max_active_tasks=st.none() | st.integers(0, 4),
    max_active_tis_per_dag=st.none() | st.integers(0, 3),
    max_active_tis_per_dagrun=st.none() | st.integers(0, 3),
)
READY = st.lists(ONE, max_size=25).map(lambda tasks: [replace(task, id=n) for n, task in enumerate(tasks)])
FREE = st.none() | st.integers(0, 12)


@settings(max_examples=150, deadline=None)
@given(tasks=READY, pools=POOLS, tenant_free=FREE, batch=FREE)
def test_no_limit_is_passed_and_nobody_is_lost(
    tasks: list[Task], pools: dict[str, PoolUse], tenant_free: int | None, batch: int | None
) -> None:
    found = ask(tasks, pools, tenant_free=tenant_free, limits=Limits(batch=batch))
    assert sorted([*found.admitted, *found.held]) == [task.id for task in tasks]
    admitted = [tasks[number] for number in found.admitted]
    for name, pool in pools.items():
        if pool.free is not None:
            assert sum(task.pool_slots for task in admitted if task.pool == name) <= pool.free
    for bound in (tenant_free, batch):
        assert bound is None or len(admitted) <= bound
    active: Counter[tuple[str, ...]] = Counter()
    for task in admitted:
        keys = (task.run_id,), ("dag", task.dag_id, task.task_id), ("run", task.run_id, task.task_id)
        bounds = task.max_active_tasks, task.max_active_tis_per_dag, task.max_active_tis_per_dagrun
        for key, limit in zip(keys, bounds, strict=True):
            assert limit is None or active[key] < limit
        active.update(keys)


@settings(max_examples=100, deadline=None)
@given(tasks=READY, pools=POOLS, tenant_free=FREE)
def test_who_is_held_would_not_fit_after_the_rest_either(
    tasks: list[Task], pools: dict[str, PoolUse], tenant_free: int | None
) -> None:
    """No free place is left beside a task that could take it."""
    found = ask(tasks, pools, tenant_free=tenant_free)
    admitted = [tasks[number] for number in found.admitted]
    used = {
        name: replace(pool, occupied=pool.occupied + sum(t.pool_slots for t in admitted if t.pool == name))
        for name, pool in pools.items()
    }
    again = ask(
        [tasks[number] for number in found.held],
        used,
        run_active=Counter(task.run_id for task in admitted),
        task_active=Counter((task.dag_id, task.task_id) for task in admitted),
        run_task_active=Counter((task.run_id, task.task_id) for task in admitted),
        tenant_free=None if tenant_free is None else tenant_free - len(admitted),
    )
    assert again.admitted == []


@settings(max_examples=100, deadline=None)
@given(tasks=READY, pools=POOLS)
def test_a_crowded_pool_takes_nothing_from_another(tasks: list[Task], pools: dict[str, PoolUse]) -> None:
    """With no limit shared between them, the tasks of a pool fare as if they were alone."""
    apart = [
        replace(
            task,
            run_id=f"{task.run_id}{task.pool}",
            dag_id=f"{task.dag_id}{task.pool}",
        )
        for task in tasks
    ]
    together = ask(apart, pools)
    for name in ("p", "q"):
        alone = ask([task for task in apart if task.pool == name], pools)
        assert alone.admitted == [number for number in together.admitted if tasks[number].pool == name]


def test_what_yields_comes_last_and_has_a_share_of_its_own() -> None:
    ready = [
        ReadyTask(id=f"b{n}", dag_id="d", run_id="r1", task_id="t", priority_weight=9, yields=True)
        for n in range(3)
    ]
    ready.append(ReadyTask(id="own", dag_id="d", run_id="r2", task_id="t"))
    empty: dict[Any, int] = {}
    pools = {"default_pool": PoolUse(slots=9)}
    counts = {"run_active": empty, "task_active": empty, "run_task_active": empty}
    done = admit(ready=ready, pools=pools, tenant_free=9, yielding_free=2, **counts)
    assert done.admitted == ["own", "b0", "b1"]
    assert {key: reason.code for key, reason in done.held.items()} == {"b2": "backfill_share"}
    assert admit(ready=ready, pools=pools, tenant_free=1, yielding_free=2, **counts).admitted == ["own"]
    assert len(admit(ready=ready, pools=pools, yielding_free=None, **counts).admitted) == 4
