"""Where time decides how a random case ends, on Airflow as here: those tasks and what is below them.

- A task with the rule `all_success` whose upstreams end both skipped and failed: the first to end decides.
- A task whose rule lets it begin before all its upstreams ended, below a branch or a short circuit: it begins before
  or after it is skipped.
- A task right below a branch or a short circuit with an upstream that failed: what is below it sees it failed or skipped.
- A task of a mapped group whose rule lets it begin when an upstream in the group ended without being expanded: what the
  group is mapped over is known by then, or it is not and the task cannot be expanded.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

EARLY = frozenset({"always", "one_success", "one_failed", "one_done"})
FAILED = frozenset({"failed", "upstream_failed"})


def racing(case: dict[str, Any], answer: dict[str, Any]) -> set[str]:
    """Ids of the tasks that may end either way; a mapped group is called by its own id and those of its tasks."""
    nodes = {one["id"]: one for one in [*case["tasks"], *case.get("mapped_groups", [])]}
    above = {name: _above(one) for name, one in nodes.items()}
    found: set[str] = set()
    for name, one in nodes.items():
        states = {state for parent in above[name] for state in _states(answer, parent)}
        rules = {inner["rule"] for inner in one["tasks"]} if "tasks" in one else {one["rule"]}
        first = "all_success" in rules and "skipped" in states and states & FAILED
        early = rules & EARLY and any(
            nodes[up].get("do") in ("branch", "short") for up in _all_above(name, above)
        )
        contested = states & FAILED and any(nodes[up].get("do") in ("branch", "short") for up in above[name])
        unmeasured = isinstance(one.get("over"), str) and any(
            inner["rule"] in EARLY and f"{name}.{before['id']}" in answer["tasks"]
            for before, inner in pairwise(one.get("tasks", []))
        )
        if first or early or contested or unmeasured:
            found.add(name)
    below = {name for name in nodes if found & _all_above(name, above)} | found
    return below | {f"{name}.{inner['id']}" for name in below for inner in nodes[name].get("tasks", [])}


def _above(one: dict[str, Any]) -> set[str]:
    over = one.get("over")
    return {*one["up"], *one.get("teardown_of", []), *([over] if isinstance(over, str) else [])}


def _all_above(name: str, above: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(above[name])
    while waiting:
        parent = waiting.pop()
        if parent not in found:
            found.add(parent)
            waiting += above[parent]
    return found


def _states(answer: dict[str, Any], name: str) -> set[str]:
    def is_of(place: str) -> bool:
        task = place.split("[")[0]
        return task == name or task.startswith(f"{name}.")

    return {row["state"] for place, row in answer["tasks"].items() if is_of(place)}
