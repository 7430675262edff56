"""Which tasks belong together when some of them are cleared or marked. Pure functions of a `DagSpec`.

The oracle is Airflow's `SerializedDAG.partial_subset` and `find_relevant_relatives`: a task brings the setups
it needs and their teardowns; a direction brings all relatives on that side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from domain.graph import upstream_map
from taskwire.dagspec import DagSpec, TaskSpec


class Relatives:
    """The edges of one DAG, read in both directions."""

    def __init__(self, spec: DagSpec) -> None:
        self.spec = spec
        self.tasks: dict[str, TaskSpec] = {task.task_id: task for task in spec.tasks}

    @cached_property
    def _above(self) -> dict[str, list[str]]:
        return upstream_map(self.spec.tasks)

    def below(self, task_id: str) -> set[str]:
        """All that is downstream of the task, without itself."""
        return self._reach(task_id, lambda one: self.tasks[one].downstream)

    def above(self, task_id: str) -> set[str]:
        """All that is upstream of the task, without itself."""
        return self._reach(task_id, lambda one: self._above[one])

    @staticmethod
    def _reach(task_id: str, neighbours: Callable[[str], Sequence[str]]) -> set[str]:
        found: set[str] = set()
        pending = list(neighbours(task_id))
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending.extend(neighbours(one))
        return found

    def _teardowns_of(self, setup: str, *, but: str) -> set[str]:
        return {one for one in self.tasks[setup].downstream if self.tasks[one].is_teardown and one != but}

    def _above_with_teardowns(self, task_id: str) -> set[str]:
        found = set()
        for one in self.above(task_id):
            found.add(one)
            if self.tasks[one].is_setup:
                found |= self._teardowns_of(one, but=task_id)
        return found

    def setups_and_teardowns(self, task_id: str) -> set[str]:
        """The setups above that the task needs (theirs is a teardown below it, or none), and their teardowns."""
        below = {one for one in self.below(task_id) if self.tasks[one].is_teardown}
        found = set()
        for one in self.above(task_id):
            if not self.tasks[one].is_setup:
                continue
            targets = self.tasks[one].downstream
            if not any(self.tasks[t].is_teardown for t in targets) or below.intersection(targets):
                found |= {one, *self._teardowns_of(one, but=task_id)}
        return found

    def subset(
        self,
        task_ids: Iterable[str],
        *,
        downstream: bool = False,
        upstream: bool = False,
        originals: bool = True,
    ) -> set[str]:
        """The named tasks (those the DAG has) with what clearing them takes along. Airflow's `partial_subset`.

        Without `originals`, a named task is there only when another one brings it along.
        """
        named = {one for one in task_ids if one in self.tasks}
        found: set[str] = set()
        for one in named:
            task = self.tasks[one]
            if downstream:
                for relative in self.below(one):
                    found.add(relative)
                    spec = self.tasks[relative]
                    if relative not in named and not spec.is_setup and not spec.is_teardown:
                        found |= self.setups_and_teardowns(relative)
            if upstream:
                found |= self._above_with_teardowns(one)
            elif not task.is_setup and not task.is_teardown:
                found |= self.setups_and_teardowns(one)
            if task.is_setup and not downstream:
                found |= {target for target in task.downstream if self.tasks[target].is_teardown}
        return found | named if originals else found

    def in_group(self, group_id: str) -> list[str] | None:
        """The tasks of a group and of the groups inside it, in the spec's order; None when there is no such group."""
        parents = {group.group_id: group.parent_id for group in self.spec.groups}
        if group_id not in parents:
            return None

        def is_inside(name: str | None) -> bool:
            while name is not None and name != group_id:
                name = parents.get(name)
            return name == group_id

        return [task.task_id for task in self.spec.tasks if is_inside(task.group_id)]

    def mapped_group_of(self, one: str, other: str) -> str | None:
        """The innermost mapped group that holds both tasks."""
        mine = set(self.tasks[one].mapped_group_ids)
        return next((g for g in reversed(self.tasks[other].mapped_group_ids) if g in mine), None)

    def is_further_mapped(self, task_id: str, group_id: str) -> bool:
        """Whether the task is mapped itself, or in a group that is mapped inside this one."""
        task = self.tasks[task_id]
        inside = task.mapped_group_ids[task.mapped_group_ids.index(group_id) + 1 :]
        return task.expand is not None or bool(inside)
