"""A scheduler of one run in a few lines of Python: slow, plain, and independent of the ledger's SQL.

It knows only `domain.trigger_rules`. Each `settle` goes in passes: all waiting instances look at the same
picture, then all of them move. States are Airflow's; `active` stands for scheduled, queued and running.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from domain.trigger_rules import Decision, UpstreamCounts, decide

Key = tuple[str, int]
OVER = {"success", "failed", "skipped", "upstream_failed", "removed"}


@dataclass
class Task:
    """`length`: into how many instances it expands, None when it is not mapped."""

    task_id: str
    downstream: list[str]
    rule: str = "all_success"
    is_empty: bool = False
    is_setup: bool = False
    length: int | None = None
    retries: int = 0


@dataclass
class Reference:
    """One run. `states` by (task id, map index); a mapped task has index -1 until it expands."""

    tasks: dict[str, Task]
    states: dict[Key, str | None] = field(default_factory=dict)
    tries: Counter[Key] = field(default_factory=Counter)

    def start(self) -> None:
        self.states = {(task_id, -1): None for task_id in self.tasks}
        self.settle()

    def settle(self) -> None:
        for key, state in self.states.items():
            if state == "up_for_retry":
                self._activate(key)
        while moves := {key: move for key in self.states if (move := self._decide(key)) is not Decision.WAIT}:
            for key, decision in moves.items():
                self._move(key, decision)

    def end(self, key: Key, state: str) -> None:
        assert self.states[key] == "active"
        self.states[key] = state

    def may_retry(self, key: Key) -> bool:
        return self.tries[key] <= self.tasks[key[0]].retries

    def skip(self, task_ids: list[str]) -> None:
        """A branch: what runs or ran by itself is left alone. (Here, all that is active runs.)"""
        for key, state in self.states.items():
            if key[0] in task_ids and state not in ("active", "success", "failed", "skipped", "removed"):
                self.states[key] = "skipped"

    @property
    def run_state(self) -> str | None:
        if any(state not in OVER for state in self.states.values()):
            return None
        deciding = {task.task_id for task in self.tasks.values() if not task.downstream}
        bad = any(
            state in ("failed", "upstream_failed") for key, state in self.states.items() if key[0] in deciding
        )
        return "failed" if bad else "success"

    def _decide(self, key: Key) -> Decision:
        if self.states[key] is not None:
            return Decision.WAIT
        above = [
            (self.tasks[up], state)
            for (up, _), state in self.states.items()
            if key[0] in self.tasks[up].downstream
        ]
        count = Counter(state for _, state in above)
        setups = Counter(state for task, state in above if task.is_setup)
        counts = UpstreamCounts(
            total=len(above),
            success=count["success"],
            failed=count["failed"],
            upstream_failed=count["upstream_failed"],
            skipped=count["skipped"],
            removed=count["removed"],
            setups_total=setups.total(),
            setups_success=setups["success"],
            setups_skipped=setups["skipped"],
        )
        return decide(rule=self.tasks[key[0]].rule, counts=counts, map_index=key[1])

    def _move(self, key: Key, decision: Decision) -> None:
        task = self.tasks[key[0]]
        ends = {
            Decision.SKIP: "skipped",
            Decision.UPSTREAM_FAIL: "upstream_failed",
            Decision.REMOVE: "removed",
        }
        if decision in ends:
            self.states[key] = ends[decision]
        elif task.length is not None:
            self._expand(key, task.length)
        elif task.is_empty:
            self.states[key] = "success"
        else:
            self._activate(key)

    def _expand(self, key: Key, length: int) -> None:
        if length == 0:
            self.states[key] = "skipped"
            return
        del self.states[key]
        for index in range(length):
            self._activate((key[0], index))

    def _activate(self, key: Key) -> None:
        self.states[key] = "active"
        self.tries[key] += 1
