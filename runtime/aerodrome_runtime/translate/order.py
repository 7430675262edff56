"""Topological order of task ids, ties by id; and the ids of a cycle when there is no such order."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


class CycleFound(ValueError):
    """The tasks wait for each other. `task_ids` is one cycle, its first id repeated at the end."""

    def __init__(self, *, dag_id: str, task_ids: Sequence[str]) -> None:
        self.task_ids = list(task_ids)
        super().__init__(f"Cycle detected in DAG {dag_id}: {' >> '.join(task_ids)}")


def topological(*, dag_id: str, downstream: Mapping[str, Sequence[str]]) -> list[str]:
    """All ids of `downstream`, each after its upstreams. Raises `CycleFound`."""
    waiting = dict.fromkeys(downstream, 0)
    for children in downstream.values():
        for child in children:
            waiting[child] += 1
    ready = [task_id for task_id, count in waiting.items() if not count]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        task_id = heapq.heappop(ready)
        ordered.append(task_id)
        for child in downstream[task_id]:
            waiting[child] -= 1
            if not waiting[child]:
                heapq.heappush(ready, child)
    if len(ordered) < len(downstream):
        raise CycleFound(dag_id=dag_id, task_ids=_cycle(downstream, set(downstream) - set(ordered)))
    return ordered


def _cycle(downstream: Mapping[str, Sequence[str]], left: set[str]) -> list[str]:
    """One cycle among `left`: walk upstream in it until an id comes again, then read it backwards."""
    upstream = {child: task_id for task_id in sorted(left) for child in downstream[task_id] if child in left}
    walk = [min(left)]
    while upstream[walk[-1]] not in walk:
        walk.append(upstream[walk[-1]])
    loop = walk[walk.index(upstream[walk[-1]]) :][::-1]
    first = loop.index(min(loop))
    loop = loop[first:] + loop[:first]
    return [*loop, loop[0]]
