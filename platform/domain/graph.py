"""The shape of a DAG: order, cycles, edges, ends and weights. Pure functions of the tasks of a `DagSpec`.

Called when a DAG version is stored (edges, order, weights are computed once) and by `runs/clear`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from taskwire.dagspec import DagSpec, TaskSpec

MIN_PRIORITY_WEIGHT: Final = -(2**31)
MAX_PRIORITY_WEIGHT: Final = 2**31 - 1
"""Weights are stored as 32-bit integers, so sums stop there, as Airflow's do."""


class CycleFound(ValueError):
    """The tasks wait for each other. `path` starts and ends with the same task id."""

    def __init__(self, path: list[str]) -> None:
        super().__init__(f"the tasks wait for each other: {' -> '.join(path)}; remove one of these edges")
        self.path = path


class EdgeUnknown(ValueError):
    """An edge leads to a task that the DAG does not have."""


def _checked(tasks: Iterable[TaskSpec]) -> dict[str, TaskSpec]:
    by_id = {task.task_id: task for task in tasks}
    for task in by_id.values():
        for target in task.downstream:
            if target not in by_id:
                raise EdgeUnknown(f"task {task.task_id!r} is upstream of {target!r}, which is not in the DAG")
    return by_id


def upstream_map(tasks: Iterable[TaskSpec]) -> dict[str, list[str]]:
    """Task id -> ids of its direct upstreams, sorted. Raises `EdgeUnknown`."""
    by_id = _checked(tasks)
    upstream: dict[str, set[str]] = {task_id: set() for task_id in by_id}
    for task in by_id.values():
        for target in task.downstream:
            upstream[target].add(task.task_id)
    return {task_id: sorted(ids) for task_id, ids in upstream.items()}


def topological_order(tasks: Iterable[TaskSpec]) -> list[str]:
    """Every task id after all its upstreams; among the free ones the smallest id comes first.

    The same tasks in any order give the same answer. Raises `CycleFound`, `EdgeUnknown`.
    """
    tasks = list(tasks)
    by_id = _checked(tasks)
    waiting = {task_id: len(ids) for task_id, ids in upstream_map(tasks).items()}
    free = [task_id for task_id, count in waiting.items() if count == 0]
    heapify(free)
    order: list[str] = []
    while free:
        task_id = heappop(free)
        order.append(task_id)
        for target in set(by_id[task_id].downstream):
            waiting[target] -= 1
            if waiting[target] == 0:
                heappush(free, target)
    if len(order) < len(by_id):
        raise CycleFound(find_cycle(tasks) or [])
    return order


def find_cycle(tasks: Iterable[TaskSpec]) -> list[str] | None:
    """One cycle as a path that ends where it starts, or `None`. Raises `EdgeUnknown`.

    Without recursion: a chain of 10,000 tasks is no deeper than one of two.
    """
    by_id = _checked(tasks)
    done: set[str] = set()
    for start in sorted(by_id):
        if start in done:
            continue
        path = [start]
        on_path = {start}
        branches = [iter(sorted(by_id[start].downstream))]
        while path:
            target = next(branches[-1], None)
            if target is None:
                branches.pop()
                on_path.discard(path[-1])
                done.add(path.pop())
            elif target in on_path:
                return [*path[path.index(target) :], target]
            elif target not in done:
                path.append(target)
                on_path.add(target)
                branches.append(iter(sorted(by_id[target].downstream)))
    return None


def roots(spec: DagSpec) -> list[str]:
    """Ids of the tasks that wait for nothing, in the spec's order."""
    upstream = upstream_map(spec.tasks)
    return [task.task_id for task in spec.tasks if not upstream[task.task_id]]


def leaves(spec: DagSpec) -> list[str]:
    """Ids of the tasks that nothing waits for, in the spec's order."""
    return [task.task_id for task in spec.tasks if not task.downstream]


def deciding_tasks(spec: DagSpec) -> list[str]:
    """Ids of the tasks whose states decide the run's, in the spec's order.

    The leaves, where a teardown counts as absent unless it has `on_failure_fail_dagrun`; in a DAG of
    ignorable teardowns only, the plain leaves (Airflow: `DagRun._tis_for_dagrun_state`).
    """
    by_id = _checked(spec.tasks)

    def counts(task: TaskSpec) -> bool:
        return not task.is_teardown or task.on_failure_fail_dagrun

    deciding = [
        task.task_id
        for task in spec.tasks
        if counts(task) and not any(counts(by_id[target]) for target in task.downstream)
    ]
    return deciding or leaves(spec)


def edges_by_index(spec: DagSpec) -> list[tuple[int, int]]:
    """Edges as (upstream, downstream) positions in `spec.tasks`, sorted, each once. Raises `EdgeUnknown`."""
    _checked(spec.tasks)
    index = {task.task_id: position for position, task in enumerate(spec.tasks)}
    return sorted({(index[task.task_id], index[target]) for task in spec.tasks for target in task.downstream})


def downstream_closure(tasks: Iterable[TaskSpec], task_ids: Iterable[str]) -> set[str]:
    """The ids in `task_ids` and all that are downstream of them, directly or not. Raises `EdgeUnknown`."""
    by_id = _checked(tasks)
    return _reach({task_id: task.downstream for task_id, task in by_id.items()}, task_ids)


def upstream_closure(tasks: Iterable[TaskSpec], task_ids: Iterable[str]) -> set[str]:
    """The ids in `task_ids` and all that are upstream of them, directly or not. Raises `EdgeUnknown`."""
    return _reach(upstream_map(tasks), task_ids)


def _reach(neighbours: Mapping[str, Sequence[str]], task_ids: Iterable[str]) -> set[str]:
    found = set(task_ids)
    pending = list(found)
    while pending:
        for target in neighbours[pending.pop()]:
            if target not in found:
                found.add(target)
                pending.append(target)
    return found


def total_priority_weights(spec: DagSpec) -> list[int]:
    """The weight each task is admitted by, in the spec's order.

    `downstream` adds the weights of everything below the task, `upstream` of everything above, each once;
    `absolute` takes the task's own, and so does the author's own strategy unless it said another (`own_weight`: it is asked
    in the tenant's runtime). Raises `CycleFound`, `EdgeUnknown`.
    """
    index = {task.task_id: position for position, task in enumerate(spec.tasks)}
    order = topological_order(spec.tasks)
    rules = {task.weight_rule for task in spec.tasks}
    upstream = upstream_map(spec.tasks)
    downstream = {task.task_id: task.downstream for task in spec.tasks}
    below = _closures(reversed(order), index, downstream, wanted="downstream" in rules)
    above = _closures(order, index, upstream, wanted="upstream" in rules)
    # Sets are bit masks and most DAGs have few distinct weights: a sum is a few counts of bits.
    masks: dict[int, int] = {}
    for position, task in enumerate(spec.tasks):
        masks[task.priority_weight] = masks.get(task.priority_weight, 0) | 1 << position
    totals: list[int] = []
    for position, task in enumerate(spec.tasks):
        closure = {"downstream": below, "upstream": above}.get(task.weight_rule, {}).get(position, 0)
        total = task.priority_weight + sum(w * (closure & mask).bit_count() for w, mask in masks.items())
        total = total if task.own_weight is None else task.own_weight
        totals.append(max(MIN_PRIORITY_WEIGHT, min(MAX_PRIORITY_WEIGHT, total)))
    return totals


def closure_masks(spec: DagSpec) -> tuple[dict[int, int], dict[int, int]]:
    """Bit masks of all positions below each position, and of all above it, itself excluded.

    Raises `CycleFound`, `EdgeUnknown`."""
    index = {task.task_id: position for position, task in enumerate(spec.tasks)}
    order = topological_order(spec.tasks)
    downstream = {task.task_id: task.downstream for task in spec.tasks}
    below = _closures(reversed(order), index, downstream, wanted=True)
    return below, _closures(order, index, upstream_map(spec.tasks), wanted=True)


def _closures(
    order: Iterable[str], index: Mapping[str, int], neighbours: Mapping[str, Sequence[str]], *, wanted: bool
) -> dict[int, int]:
    """Position -> bit mask of all positions reachable from it, itself excluded."""
    closures: dict[int, int] = {}
    for task_id in order if wanted else ():
        mask = 0
        for neighbour in neighbours[task_id]:
            position = index[neighbour]
            mask |= closures[position] | 1 << position
        closures[index[task_id]] = mask
    return closures
