"""A scheduler of one run in a few lines of Python: slow, plain, and independent of the ledger's SQL.

It knows only the rules of `domain`. Each `settle` goes in passes: all waiting instances look at the same picture,
then all of them move. States are Airflow's; `active` stands for scheduled, queued and running.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

from domain.graph import deciding_tasks, upstream_map
from domain.mapping import length
from domain.readings import Reading, Role, expand_inputs, known_lengths, readings, span
from domain.trigger_rules import Decision, UpstreamCounts
from domain.weighing import LOOKS_FAR, Above, weigh
from taskwire.dagspec import DagSpec, TaskSpec

Key = tuple[str, int]
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}
ENDS = {Decision.SKIP: "skipped", Decision.UPSTREAM_FAIL: "upstream_failed", Decision.REMOVE: "removed"}


@dataclass
class Reference:
    """One run. `states` by (task id, map index); a mapped task has index -1 until it expands."""

    spec: DagSpec
    states: dict[Key, str | None] = field(default_factory=dict)
    tries: Counter[Key] = field(default_factory=Counter)
    returned: dict[Key, int | None] = field(default_factory=dict)
    """Instances that returned a value, and how long it is."""
    left: dict[Key, dict[str, list[str]]] = field(default_factory=dict)
    """What branches left: {"followed": [...]} or {"skipped": [...]}."""

    def __post_init__(self) -> None:
        self.tasks: dict[str, TaskSpec] = {task.task_id: task for task in self.spec.tasks}
        upstream = upstream_map(self.spec.tasks)
        self.has_upstream = {task_id: bool(above) for task_id, above in upstream.items()}
        index = {task_id: position for position, task_id in enumerate(self.tasks)}
        self.reads: dict[str, list[Reading]] = {
            task.task_id: [Reading(index[up], up, Role.DIRECT, setup=self.tasks[up].is_setup) for up in upstream[task.task_id]]
            if read is None
            else read
            for task, read in zip(self.spec.tasks, readings(self.spec), strict=True)
        }  # fmt: skip
        self.lengths: dict[str, list[int]] = {}

    def start(self) -> None:
        for task in self.spec.tasks:
            lengths = known_lengths(self.spec, task)
            self.lengths[task.task_id] = lengths or []
            count = prod(lengths) if lengths is not None else 0
            self.states |= {(task.task_id, n): None for n in (range(count) if count else [-1])}
        self.settle()

    def settle(self) -> None:
        for key, state in self.states.items():
            if state == "up_for_retry":
                self._activate(key)
        while moves := {key: move for key in self.states if (move := self._decide(key)) is not Decision.WAIT}:
            for key, decision in moves.items():
                self._move(key, decision)

    def end(self, key: Key, state: str, returned: int | None = None) -> None:
        assert self.states[key] == "active"
        self.states[key] = state
        if state == "success":
            self.returned[key] = returned

    def may_retry(self, key: Key) -> bool:
        return self.tries[key] <= self.tasks[key[0]].retries

    def skip(self, task_ids: Iterable[str]) -> None:
        """A branch: what runs or ran by itself is left alone. (Here, all that is active runs.)"""
        for key, state in self.states.items():
            is_named = key in {(name, -1) for name in task_ids}
            if is_named and state not in ("active", "success", "failed", "skipped", "removed"):
                self.states[key] = "skipped"

    @property
    def run_state(self) -> str | None:
        if any(state not in OVER for state in self.states.values()):
            return None
        deciding = set(deciding_tasks(self.spec))
        bad = any(
            state in ("failed", "upstream_failed") for key, state in self.states.items() if key[0] in deciding
        )
        return "failed" if bad else "success"

    def _decide(self, key: Key) -> Decision:
        if self.states[key] is not None:
            return Decision.WAIT
        task = self.tasks[key[0]]
        setups = self._states(key, Role.SETUP)
        scope = self._states(key, Role.SCOPE)
        above = Above(
            has_upstream=self.has_upstream[key[0]],
            direct=_count(self._states(key, Role.DIRECT)),
            setups=_count(setups),
            scope_pending=sum(1 for state, _ in scope if state not in OVER),
            sources=[s for r in self.reads[key[0]] if r.role is Role.SOURCE if (s := self.states.get((r.task_id, -1))) in OVER],
            is_sticky=any(self._is_left_out(key, r) for r in self.reads[key[0]] if r.role is Role.SKIP),
        )  # fmt: skip
        return weigh(rule=task.trigger_rule, above=above, is_teardown=task.is_teardown, map_index=key[1])

    def _states(self, key: Key, role: Role) -> list[tuple[str | None, bool]]:
        found = []
        for reading in self.reads[key[0]]:
            if reading.role is not role:
                continue
            within = span(reading=reading, map_index=key[1], lengths=self.lengths[key[0]])
            if key[1] < 0 and (self.tasks[key[0]].trigger_rule in LOOKS_FAR or self._is_unmeasured(key[0])):
                within = None
            found += [
                (state, reading.setup)
                for (name, index), state in self.states.items()
                if name == reading.task_id
                and (index < 0 or within is None or within[0] <= index <= within[1])
            ]
        return found

    def _is_left_out(self, key: Key, reading: Reading) -> bool:
        is_over = any(s in OVER for (name, _), s in self.states.items() if name == reading.task_id)
        told: dict[str, Any] = self.left.get((reading.task_id, key[1] if reading.near else -1), {})
        return is_over and (key[0] not in told.get("followed", [key[0]]) or key[0] in told.get("skipped", []))

    def _move(self, key: Key, decision: Decision) -> None:
        task = self.tasks[key[0]]
        if decision in ENDS:
            self.states[key] = ENDS[decision]
        elif key[1] < 0 and (task.is_mapped or task.mapped_group_ids):
            self._expand(key)
        elif task.is_empty:
            self.states[key] = "success"
        else:
            self._activate(key)

    def _expand(self, key: Key) -> None:
        lengths = self._measure(key[0])
        if None in lengths:
            self.states[key] = "upstream_failed"
            return
        self.lengths[key[0]] = [each for each in lengths if each is not None]
        count = prod(self.lengths[key[0]])
        if count == 0:
            self.states[key] = "skipped"
            return
        del self.states[key]
        self.states |= {(key[0], index): None for index in range(count)}

    def _measure(self, task_id: str) -> list[int | None]:
        known = {name: self._length(name) for name in self.tasks}
        inputs = expand_inputs(self.spec, self.tasks[task_id])
        return [0 if each is None else length(each, known) for each in inputs]

    def _is_unmeasured(self, task_id: str) -> bool:
        """Also while a cleared source is to run again: what it returned before is no length to go by."""
        sources = {reading.task_id for reading in self.reads[task_id] if reading.role is Role.SOURCE}
        waits = any(name in sources and state not in OVER for (name, _), state in self.states.items())
        return waits or None in self._measure(task_id)

    def _length(self, task_id: str) -> int | None:
        if not self.tasks[task_id].is_mapped:
            return self.returned.get((task_id, -1))
        if any(state not in OVER for (name, _), state in self.states.items() if name == task_id):
            return None
        return sum(1 for name, index in self.returned if name == task_id and index >= 0)

    def _activate(self, key: Key) -> None:
        self.states[key] = "active"
        self.tries[key] += 1


def _count(states: list[tuple[str | None, bool]]) -> UpstreamCounts:
    count = Counter(state for state, _ in states)
    setups = Counter(state for state, is_setup in states if is_setup)
    return UpstreamCounts(
        total=len(states),
        success=count["success"],
        failed=count["failed"],
        upstream_failed=count["upstream_failed"],
        skipped=count["skipped"],
        removed=count["removed"],
        setups_total=setups.total(),
        setups_success=setups["success"],
        setups_skipped=setups["skipped"],
    )
