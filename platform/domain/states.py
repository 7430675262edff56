"""Task and run states under Airflow's own names, and the one table of allowed moves.

A task instance that nothing has happened to yet has *no* state: SQL NULL, Python `None`. It is not a member
of `TaskState`, as in Airflow. Every statement that writes a state names the states it may come from;
`sources()` gives them. The ledger's transitions, the SQL tests and `docs/state-machine.md` all read `MOVES`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class TaskState(StrEnum):
    """States of a task instance (Airflow 3.3 `TaskInstanceState`)."""

    REMOVED = "removed"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    RESTARTING = "restarting"
    FAILED = "failed"
    UP_FOR_RETRY = "up_for_retry"
    UP_FOR_RESCHEDULE = "up_for_reschedule"
    UPSTREAM_FAILED = "upstream_failed"
    SKIPPED = "skipped"
    DEFERRED = "deferred"
    AWAITING_INPUT = "awaiting_input"


class RunState(StrEnum):
    """States of a DAG run (Airflow 3.3 `DagRunState`)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"


class Verb(StrEnum):
    """Who makes a move: the verb of the walk, and so the module that writes it."""

    PLAN = "plan"
    PROMOTE = "promote"
    ADMIT = "admit"
    DISPATCH = "dispatch"
    START = "start"
    FINISH = "finish"
    RETRY = "retry"
    RESCHEDULE = "reschedule"
    DEFER = "defer"
    PROPAGATE = "propagate"
    RESCUE = "rescue"
    CLEAR = "clear"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Move:
    """`verb` takes a task from `source` to `target`; `None` is "no state"."""

    source: TaskState | None
    target: TaskState | None
    verb: Verb


TERMINAL_TASK: Final = frozenset(
    {
        TaskState.SUCCESS,
        TaskState.FAILED,
        TaskState.SKIPPED,
        TaskState.UPSTREAM_FAILED,
        TaskState.REMOVED,
    }
)
"""Nothing more happens by itself; downstream counts it as done."""

ACTIVE_TASK: Final = frozenset({TaskState.QUEUED, TaskState.RUNNING})
"""Holds a worker: counts for pools, `max_active_tasks` and the tenant's parallelism."""

IN_FLIGHT_TASK: Final = ACTIVE_TASK | {TaskState.DEFERRED, TaskState.AWAITING_INPUT}
"""Counts for `max_active_tis_per_dag` and `max_active_tis_per_dagrun`: started and not over."""

FINISHED_OK: Final = frozenset({TaskState.SUCCESS, TaskState.SKIPPED})
"""Finished without a failure: a run whose deciding tasks are all here is a success."""

FAILED_TASK: Final = frozenset({TaskState.FAILED, TaskState.UPSTREAM_FAILED})

_WAITING: Final = (None, TaskState.UP_FOR_RETRY, TaskState.UP_FOR_RESCHEDULE)
WAITING_TASK: Final[frozenset[TaskState | None]] = frozenset(_WAITING)
"""May be promoted once their trigger rule and their time allow it."""

TERMINAL_RUN: Final = frozenset({RunState.SUCCESS, RunState.FAILED})

_S = TaskState
_EVERY: Final[tuple[TaskState | None, ...]] = (None, *TaskState)


def _moves(
    verb: Verb, sources: Iterable[TaskState | None], targets: Iterable[TaskState | None]
) -> tuple[Move, ...]:
    targets = tuple(targets)
    return tuple(Move(source, target, verb) for source in sources for target in targets)


MOVES: Final[tuple[Move, ...]] = (
    # A re-planned run loses or regains tasks and map indexes; running work is never removed under its feet.
    *_moves(Verb.PLAN, (None, _S.SCHEDULED, _S.UP_FOR_RETRY, _S.UP_FOR_RESCHEDULE), (_S.REMOVED,)),
    *_moves(Verb.PLAN, (_S.REMOVED,), (None,)),
    # What the task waited for has happened. An empty operator succeeds here, without a worker, and a task
    # that starts from its trigger goes straight to the triggerer.
    *_moves(Verb.PROMOTE, _WAITING, (_S.SCHEDULED, _S.SUCCESS, _S.DEFERRED)),
    *_moves(Verb.PROMOTE, (_S.DEFERRED, _S.AWAITING_INPUT), (_S.SCHEDULED,)),
    # The trigger rule decided that the task will not run.
    *_moves(Verb.PROPAGATE, _WAITING, (_S.SKIPPED, _S.UPSTREAM_FAILED, _S.REMOVED)),
    # A running task skipped its downstream (branch, short circuit): what runs or ran is left alone, but a
    # skip wins over an upstream failure that was noticed first, as in Airflow.
    *_moves(
        Verb.PROPAGATE,
        (_S.SCHEDULED, _S.QUEUED, _S.DEFERRED, _S.AWAITING_INPUT, _S.UPSTREAM_FAILED),
        (_S.SKIPPED,),
    ),
    *_moves(Verb.ADMIT, (_S.SCHEDULED,), (_S.QUEUED,)),
    # Handing over changes no state, but it spends an epoch: the move is guarded like any other.
    *_moves(Verb.DISPATCH, (_S.QUEUED,), (_S.QUEUED,)),
    *_moves(Verb.START, (_S.QUEUED,), (_S.RUNNING,)),
    *_moves(Verb.FINISH, (_S.RUNNING,), (_S.SUCCESS, _S.FAILED, _S.SKIPPED, _S.REMOVED)),
    # The executor or the triggerer reports the end of work that no worker holds: a task that could not be
    # started, a trigger that ends its task itself.
    *_moves(Verb.FINISH, (_S.QUEUED,), (_S.FAILED,)),
    *_moves(Verb.FINISH, (_S.DEFERRED, _S.AWAITING_INPUT), (_S.SUCCESS, _S.FAILED, _S.SKIPPED)),
    *_moves(Verb.RETRY, (_S.RUNNING, _S.QUEUED, _S.RESTARTING, _S.DEFERRED), (_S.UP_FOR_RETRY,)),
    *_moves(Verb.RESCHEDULE, (_S.RUNNING,), (_S.UP_FOR_RESCHEDULE,)),
    *_moves(Verb.DEFER, (_S.RUNNING,), (_S.DEFERRED, _S.AWAITING_INPUT)),
    # Silence: a lost agent or executor. Handed-back and never started work is queued again, no try spent.
    *_moves(Verb.RESCUE, (_S.QUEUED,), (_S.SCHEDULED, _S.QUEUED, _S.UP_FOR_RETRY, _S.FAILED)),
    *_moves(Verb.RESCUE, (_S.RUNNING,), (_S.QUEUED, _S.UP_FOR_RETRY, _S.FAILED)),
    *_moves(Verb.RESCUE, (_S.RESTARTING,), (None, _S.UP_FOR_RETRY, _S.FAILED)),
    # Clearing a running task stops it first: it is `restarting` until its worker has let go.
    *_moves(Verb.CLEAR, (s for s in _EVERY if s not in (None, _S.RUNNING)), (None,)),
    *_moves(Verb.CLEAR, (_S.RUNNING,), (_S.RESTARTING,)),
    # People, run timeouts and fail-fast set an end state from anywhere.
    *_moves(Verb.MARK, _EVERY, (_S.SUCCESS, _S.FAILED, _S.SKIPPED)),
)

ALLOWED_MOVES: Final[Mapping[TaskState | None, frozenset[TaskState | None]]] = {
    source: frozenset(move.target for move in MOVES if move.source == source) for source in _EVERY
}
"""State -> states it may become, whoever makes the move."""

ALLOWED_RUN_MOVES: Final[Mapping[RunState, frozenset[RunState]]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.SUCCESS, RunState.FAILED}),
    RunState.RUNNING: frozenset({RunState.SUCCESS, RunState.FAILED, RunState.QUEUED}),
    RunState.SUCCESS: frozenset({RunState.QUEUED, RunState.FAILED}),
    RunState.FAILED: frozenset({RunState.QUEUED, RunState.SUCCESS}),
}
"""Started, finished, marked (any -> success, failed) and cleared (any -> queued)."""


def sources(*, verb: Verb, target: TaskState | None) -> frozenset[TaskState | None]:
    """The states from which `verb` may go to `target`: the `state IN (…)` of its statement.

    `None` in the answer stands for `state IS NULL`, which `IN` never matches.
    """
    return frozenset(move.source for move in MOVES if move.verb == verb and move.target == target)


def may_move(*, source: TaskState | None, target: TaskState | None, verb: Verb) -> bool:
    """Whether the table has this move."""
    return Move(source, target, verb) in _MOVE_SET


_MOVE_SET: Final = frozenset(MOVES)
