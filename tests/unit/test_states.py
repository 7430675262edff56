"""The table of moves is whole, and `docs/state-machine.md` says what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.state_page import state_page
from domain.states import (
    ACTIVE_TASK,
    ALLOWED_MOVES,
    ALLOWED_RUN_MOVES,
    FINISHED_OK,
    IN_FLIGHT_TASK,
    MOVES,
    TERMINAL_RUN,
    TERMINAL_TASK,
    RunState,
    TaskState,
    Verb,
    may_move,
    sources,
)

PAGE = Path(__file__).parents[2] / "docs" / "state-machine.md"
PEOPLE = {Verb.CLEAR, Verb.MARK, Verb.PLAN}


def test_page_is_written_from_the_table() -> None:
    assert PAGE.read_text() == state_page()


def test_page_shows_every_verb_and_state() -> None:
    text = state_page()
    for move in MOVES:
        assert f"| {move.verb} |" in text
    for state in TaskState:
        assert f"`{state}`" in text


def test_names_are_airflows() -> None:
    assert {state.value for state in TaskState} == {
        *("scheduled", "queued", "running", "success", "failed", "up_for_retry", "up_for_reschedule"),
        *("upstream_failed", "skipped", "deferred", "removed", "restarting", "awaiting_input"),
    }
    assert {state.value for state in RunState} == {"queued", "running", "success", "failed"}


def test_no_move_is_listed_twice() -> None:
    assert len(MOVES) == len(set(MOVES))


def test_every_state_is_reached_and_left() -> None:
    assert set(ALLOWED_MOVES) == {None, *TaskState}
    for state in TaskState:
        assert any(move.target == state for move in MOVES)
        assert ALLOWED_MOVES[state]


def test_an_end_is_left_by_people_only() -> None:
    for move in MOVES:
        if move.source in TERMINAL_TASK:
            skipped_after_all = (move.source, move.target) == (TaskState.UPSTREAM_FAILED, TaskState.SKIPPED)
            assert move.verb in PEOPLE or skipped_after_all


def test_every_state_can_end_without_a_person() -> None:
    ways = {
        state: {m.target for m in MOVES if m.source == state and m.verb not in PEOPLE}
        for state in ALLOWED_MOVES
    }
    for start in ALLOWED_MOVES:
        seen, pending = {start}, [start]
        while pending:
            for target in ways[pending.pop()] - seen:
                seen.add(target)
                pending.append(target)
        assert start in TERMINAL_TASK or seen & TERMINAL_TASK


def test_only_a_start_runs_a_task() -> None:
    assert {move.verb for move in MOVES if move.target is TaskState.RUNNING} == {Verb.START}
    assert sources(verb=Verb.START, target=TaskState.RUNNING) == {TaskState.QUEUED}


def test_a_late_outcome_cannot_overwrite_an_end() -> None:
    for target in TERMINAL_TASK:
        assert not sources(verb=Verb.FINISH, target=target) & TERMINAL_TASK


@pytest.mark.parametrize(
    ("source", "target", "verb", "allowed"),
    [
        (None, TaskState.SCHEDULED, Verb.PROMOTE, True),
        (None, TaskState.QUEUED, Verb.ADMIT, False),
        (TaskState.SCHEDULED, TaskState.QUEUED, Verb.ADMIT, True),
        (TaskState.SCHEDULED, TaskState.RUNNING, Verb.START, False),
        (TaskState.RUNNING, TaskState.RESTARTING, Verb.CLEAR, True),
        (TaskState.RUNNING, None, Verb.CLEAR, False),
        (TaskState.SUCCESS, TaskState.SKIPPED, Verb.PROPAGATE, False),
        (TaskState.RUNNING, TaskState.SKIPPED, Verb.PROPAGATE, False),
        (TaskState.DEFERRED, TaskState.SCHEDULED, Verb.PROMOTE, True),
        (TaskState.SUCCESS, TaskState.RUNNING, Verb.START, False),
    ],
)
def test_may_move(source: TaskState | None, target: TaskState | None, verb: Verb, allowed: bool) -> None:
    assert may_move(source=source, target=target, verb=verb) is allowed
    assert (source in sources(verb=verb, target=target)) is allowed


def test_sets_fit_together() -> None:
    assert ACTIVE_TASK < IN_FLIGHT_TASK
    assert FINISHED_OK < TERMINAL_TASK
    assert not IN_FLIGHT_TASK & TERMINAL_TASK


def test_runs_end_and_are_cleared() -> None:
    for state in RunState:
        assert RunState.QUEUED in ALLOWED_RUN_MOVES[state] or state is RunState.QUEUED
    assert ALLOWED_RUN_MOVES[RunState.RUNNING] >= TERMINAL_RUN
    assert RunState.RUNNING not in ALLOWED_RUN_MOVES[RunState.SUCCESS]
