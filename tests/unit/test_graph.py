"""Order, cycles, ends and weights of DAGs."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.graph import (
    MAX_PRIORITY_WEIGHT,
    MIN_PRIORITY_WEIGHT,
    CycleFound,
    EdgeUnknown,
    deciding_tasks,
    downstream_closure,
    edges_by_index,
    find_cycle,
    leaves,
    roots,
    topological_order,
    total_priority_weights,
    upstream_closure,
    upstream_map,
)
from taskwire.dagspec import DagSpec, TaskSpec, TimetableSpec


def task(task_id: str, *downstream: str, **more: object) -> TaskSpec:
    return TaskSpec(task_id=task_id, operator="EmptyOperator", downstream=list(downstream), **more)  # type: ignore[arg-type]


def dag(*tasks: TaskSpec) -> DagSpec:
    return DagSpec(
        dag_id="d", relative_fileloc="d.py", timetable=TimetableSpec(kind="null"), tasks=list(tasks)
    )


DIAMOND = dag(task("a", "b", "c"), task("b", "d"), task("c", "d"), task("d"))


def test_diamond() -> None:
    assert topological_order(DIAMOND.tasks) == ["a", "b", "c", "d"]
    assert upstream_map(DIAMOND.tasks) == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert roots(DIAMOND) == ["a"]
    assert leaves(DIAMOND) == ["d"]
    assert edges_by_index(DIAMOND) == [(0, 1), (0, 2), (1, 3), (2, 3)]
    assert downstream_closure(DIAMOND.tasks, ["b"]) == {"b", "d"}
    assert upstream_closure(DIAMOND.tasks, ["b", "c"]) == {"a", "b", "c"}
    assert find_cycle(DIAMOND.tasks) is None


def test_ties_go_by_id_wherever_they_stand() -> None:
    tasks = [task("z"), task("m", "b"), task("a"), task("b")]
    assert topological_order(tasks) == ["a", "m", "b", "z"]


def test_empty_dag() -> None:
    assert topological_order([]) == []
    assert edges_by_index(dag()) == total_priority_weights(dag()) == deciding_tasks(dag()) == []


@pytest.mark.parametrize(
    "tasks", [[task("a", "a")], [task("a", "b"), task("b", "c"), task("c", "b"), task("d")]]
)
def test_a_cycle_is_shown(tasks: list[TaskSpec]) -> None:
    with pytest.raises(CycleFound, match=" -> ") as refused:
        topological_order(tasks)
    path = refused.value.path
    assert path[0] == path[-1]
    edges = {(one.task_id, target) for one in tasks for target in one.downstream}
    assert all(step in edges for step in pairwise(path))


def test_an_edge_to_nowhere_is_named() -> None:
    with pytest.raises(EdgeUnknown, match="'gone'"):
        edges_by_index(dag(task("a", "gone")))


def test_a_long_chain_needs_no_deep_stack() -> None:
    names = [f"t{number:05}" for number in range(10_000)]
    chain = [task(name, *names[number + 1 : number + 2]) for number, name in enumerate(names)]
    assert topological_order(chain) == names
    assert find_cycle(chain) is None
    chain[-1] = task(names[-1], names[0])
    assert find_cycle(chain) == [*names, names[0]]
    assert len(downstream_closure(chain, [names[5]])) == 10_000


def test_a_repeated_edge_counts_once() -> None:
    twice = dag(task("a", "b", "b"), task("c", "b"), task("b"))
    assert topological_order(twice.tasks) == ["a", "c", "b"]
    assert edges_by_index(twice) == [(0, 2), (1, 2)]


def test_weights_by_rule() -> None:
    tasks = [
        task("a", "b", "c", priority_weight=1),
        task("b", "d", priority_weight=10, weight_rule="upstream"),
        task("c", "d", priority_weight=100, weight_rule="absolute"),
        task("d", priority_weight=1000),
    ]
    assert total_priority_weights(dag(*tasks)) == [1111, 11, 100, 1000]
    assert total_priority_weights(dag(task("a", priority_weight=3, weight_rule="my.own.Strategy"))) == [3]
    own = task("a", priority_weight=3, weight_rule="my.own.Strategy", own_weight=9)
    assert total_priority_weights(dag(own)) == [9]


def test_weights_stop_at_32_bits() -> None:
    above = dag(task("a", "b", priority_weight=2**31 - 1), task("b", priority_weight=5))
    assert total_priority_weights(above) == [MAX_PRIORITY_WEIGHT, 5]
    below = dag(task("a", "b", priority_weight=-(2**31)), task("b", priority_weight=-5))
    assert total_priority_weights(below) == [MIN_PRIORITY_WEIGHT, -5]


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ([task("a", "b"), task("b")], ["b"]),
        ([task("a", "t"), task("t", is_teardown=True)], ["a"]),
        ([task("a", "t"), task("t", is_teardown=True, on_failure_fail_dagrun=True)], ["t"]),
        ([task("a", "t", "b"), task("t", is_teardown=True), task("b")], ["b"]),
        ([task("s", "t", is_teardown=True), task("t", is_teardown=True)], ["t"]),
        # A task behind a teardown hides neither the teardown's upstream nor itself.
        ([task("a", "t"), task("t", "z", is_teardown=True), task("z")], ["a", "z"]),
    ],
)
def test_deciding_tasks(tasks: list[TaskSpec], expected: list[str]) -> None:
    assert deciding_tasks(dag(*tasks)) == expected


@st.composite
def dags(draw: st.DrawFn) -> DagSpec:
    size = draw(st.integers(1, 12))
    names = draw(st.permutations([f"t{number}" for number in range(size)]))
    rule = st.sampled_from(["downstream", "upstream", "absolute"])
    tasks = [
        task(
            names[number],
            *(names[later] for later in range(number + 1, size) if draw(st.booleans())),
            priority_weight=draw(st.sampled_from([1, 1, 2, 50])),
            weight_rule=draw(rule),
        )
        for number in range(size)
    ]
    return dag(*tasks)


@settings(max_examples=80, deadline=None)
@given(spec=dags(), seed=st.integers(0, 999))
def test_order_respects_edges_and_ignores_the_given_order(spec: DagSpec, seed: int) -> None:
    order = topological_order(spec.tasks)
    place = {task_id: position for position, task_id in enumerate(order)}
    assert sorted(order) == sorted(one.task_id for one in spec.tasks)
    assert all(place[one.task_id] < place[target] for one in spec.tasks for target in one.downstream)
    shuffled = random.Random(seed).sample(spec.tasks, len(spec.tasks))
    assert topological_order(shuffled) == order


@settings(max_examples=80, deadline=None)
@given(spec=dags())
def test_weights_are_sums_over_closures(spec: DagSpec) -> None:
    by_id = {one.task_id: one for one in spec.tasks}
    closure = {
        "downstream": downstream_closure,
        "upstream": upstream_closure,
        "absolute": lambda _, task_ids: set(task_ids),
    }
    for one, total in zip(spec.tasks, total_priority_weights(spec), strict=True):
        reach = (
            closure[one.weight_rule](spec.tasks, [one.task_id])
            if one.weight_rule in closure
            else {one.task_id}
        )
        assert total == sum(by_id[task_id].priority_weight for task_id in reach)


@settings(max_examples=80, deadline=None)
@given(spec=dags(), back=st.tuples(st.integers(0, 11), st.integers(0, 11)))
def test_a_way_back_is_a_cycle_exactly_when_there_is_a_way(spec: DagSpec, back: tuple[int, int]) -> None:
    tasks = spec.tasks
    start, end = tasks[back[0] % len(tasks)], tasks[back[1] % len(tasks)]
    there = start.task_id in downstream_closure(tasks, [end.task_id])
    start.downstream = [*start.downstream, end.task_id]
    assert (find_cycle(tasks) is not None) == there
