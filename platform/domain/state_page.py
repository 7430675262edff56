"""`docs/state-machine.md`, written from the table of moves.

    PYTHONPATH=platform python -m domain.state_page > docs/state-machine.md

`tests/unit/test_states.py` fails when the page and the table differ.
"""

from __future__ import annotations

import sys
from typing import Final

from domain.states import (
    ACTIVE_TASK,
    ALLOWED_RUN_MOVES,
    FINISHED_OK,
    IN_FLIGHT_TASK,
    MOVES,
    TERMINAL_RUN,
    TERMINAL_TASK,
    WAITING_TASK,
    TaskState,
    Verb,
)

_FROM_ANYWHERE: Final = frozenset({Verb.CLEAR, Verb.MARK})

_VERBS: Final[dict[Verb, str]] = {
    Verb.PLAN: "`runs/`: the run's tasks change with its DAG version or a mapped length",
    Verb.PROMOTE: "`scheduler/promote`: what the task waited for has happened",
    Verb.PROPAGATE: "`scheduler/propagate`: an upstream's end decides that the task will not run",
    Verb.ADMIT: "`scheduler/admit`: pools and limits have room",
    Verb.DISPATCH: "`scheduler/dispatch`: handed to an executor under a new epoch",
    Verb.START: "`execution/start`: a worker took it",
    Verb.FINISH: "`execution/finish`: the attempt ended and there is no other",
    Verb.RETRY: "`execution/finish`: the attempt failed and another follows",
    Verb.RESCHEDULE: "`execution/`: a sensor gives its slot back until its next look",
    Verb.DEFER: "`execution/defer`: a trigger, or a person, waits in its place",
    Verb.RESCUE: "`maintenance/rescue`: whoever held it has fallen silent or handed it back",
    Verb.CLEAR: "`runs/clear`: a person runs it again",
    Verb.MARK: "a person, a run timeout or fail-fast sets the end",
}


def _name(state: TaskState | None) -> str:
    return "none" if state is None else state.value


def _listed(states: frozenset[TaskState] | frozenset[TaskState | None]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(_name(state) for state in states))


def _diagram() -> list[str]:
    edges: dict[tuple[str, str], list[str]] = {}
    for move in MOVES:
        if move.verb not in _FROM_ANYWHERE:
            verbs = edges.setdefault((_name(move.source), _name(move.target)), [])
            if move.verb.value not in verbs:
                verbs.append(move.verb.value)
    return [
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> none : create",
        *(f"    {source} --> {target} : {', '.join(verbs)}" for (source, target), verbs in edges.items()),
        "```",
    ]


def _verb_rows() -> list[str]:
    rows = ["| verb | where and when | from | to |", "|---|---|---|---|"]
    for verb, said in _VERBS.items():
        pairs: dict[frozenset[TaskState | None], set[TaskState | None]] = {}
        targets = {move.target for move in MOVES if move.verb is verb}
        for target in targets:
            origin = frozenset(m.source for m in MOVES if m.verb is verb and m.target == target)
            pairs.setdefault(origin, set()).add(target)
        every = frozenset({None, *TaskState})
        lines = sorted(
            ("every state" if origin == every else _listed(origin), _listed(frozenset(ends)))
            for origin, ends in pairs.items()
        )
        rows += [f"| {verb.value} | {said} | {origin} | {ends} |" for origin, ends in lines]
    return rows


def state_page() -> str:
    """The whole page, Markdown with one Mermaid diagram."""
    run_edges = [
        f"    {source.value} --> {target.value}"
        for source, targets in ALLOWED_RUN_MOVES.items()
        for target in sorted(targets)
    ]
    ends = ", ".join(f"`{state.value}`" for state in sorted(TERMINAL_RUN))
    lines = [
        "# State machine",
        "",
        "Written by `python -m domain.state_page` from `platform/domain/states.py`; change it there.",
        "",
        "States carry Airflow's own names. `none` is no state at all: SQL NULL, Python `None`. The diagram",
        "leaves out `clear` and `mark`, which start almost anywhere; the table has every move.",
        "",
        *_diagram(),
        "",
        *_verb_rows(),
        "",
        "## Sets",
        "",
        f"- Terminal: {_listed(TERMINAL_TASK)}. Downstream counts these as done.",
        f"- Active: {_listed(ACTIVE_TASK)}. Counts for pools, `max_active_tasks`, tenant quotas.",
        f"- In flight: {_listed(IN_FLIGHT_TASK)}. Counts for `max_active_tis_per_dag` and `…_per_dagrun`.",
        f"- Waiting: {_listed(WAITING_TASK)}. May be promoted.",
        f"- Finished well: {_listed(FINISHED_OK)}.",
        "",
        "## Runs",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> queued : create",
        *run_edges,
        "```",
        "",
        f"Terminal: {ends}. A cleared run is queued again.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(state_page())
