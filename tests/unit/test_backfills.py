"""Which runs a backfill makes, in which order, and what it does about runs that exist."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.backfills import (
    MOST_RUNS,
    BackfillInvalid,
    Existing,
    RunTypeNotAllowed,
    check_kind,
    check_range,
    check_run_type,
    instants,
    key_of,
    predicted_seconds,
    steps,
)
from domain.timetables.instants import NextRun
from domain.timetables.schedule import NON_PERIODIC, Schedule, schedule_of
from taskwire.dagspec import DagSpec, TaskSpec, TimetableSpec

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = Schedule(timetable=TimetableSpec(kind="cron", expression="@daily"))


def _runs(schedule: Schedule, first: datetime, last: datetime, *, backwards: bool = False) -> list[NextRun]:
    return instants(schedule=schedule, from_date=first, to_date=last, backwards=backwards, now=NOW)


def _midnight(days: int) -> datetime:
    return NOW.replace(hour=0) + days * DAY


def test_both_ends_of_the_range_are_part_of_it() -> None:
    found = [key_of(run) for run in _runs(DAILY, _midnight(-5), _midnight(-3))]
    assert found == [_midnight(-5), _midnight(-4), _midnight(-3)]


def test_what_is_not_over_yet_is_left_out() -> None:
    found = [key_of(run) for run in _runs(DAILY, _midnight(-2), _midnight(9))]
    assert found == [_midnight(-2), _midnight(-1)], "today's interval ends tomorrow"


def test_the_dags_own_start_and_end_bound_no_backfill() -> None:
    bounded = Schedule(
        timetable=DAILY.timetable, earliest=_midnight(-1).isoformat(), latest=_midnight(-1).isoformat()
    )
    assert len(_runs(bounded, _midnight(-5), _midnight(-3))) == 3


def test_more_than_can_be_made_at_once_is_refused() -> None:
    minutely = Schedule(timetable=TimetableSpec(kind="cron", expression="* * * * *"))
    with pytest.raises(BackfillInvalid, match=f"more than {MOST_RUNS} runs"):
        _runs(minutely, _midnight(-9), _midnight(-1))


def test_a_timetable_that_fails_half_way_gives_what_it_gave() -> None:
    circling = Schedule(timetable=TimetableSpec(kind="delta", delta={"months": 1, "year": 2026}))
    found = _runs(circling, datetime(2025, 11, 1, tzinfo=UTC), _midnight(-1))
    assert [run.run_after.year for run in found] == [2026] * len(found)
    assert (
        _runs(Schedule(timetable=TimetableSpec(kind="cron", expression="x")), _midnight(-3), _midnight(-1))
        == []
    )


def test_the_tenants_own_class_is_not_asked_here() -> None:
    with pytest.raises(BackfillInvalid, match="own Timetable"):
        _runs(Schedule(timetable=TimetableSpec(kind="custom")), _midnight(-3), _midnight(-1))


@settings(max_examples=40, deadline=None)
@given(back=st.integers(1, 60), days=st.integers(0, 60), hour=st.integers(0, 23))
def test_backwards_is_the_same_the_other_way_round(back: int, days: int, hour: int) -> None:
    first = _midnight(-back) + timedelta(hours=hour)
    forwards = _runs(DAILY, first, first + days * DAY)
    assert _runs(DAILY, first, first + days * DAY, backwards=True) == forwards[::-1]
    keys = [key_of(run) for run in forwards]
    assert keys == sorted(set(keys))
    assert all(first <= key <= first + days * DAY for key in keys)


STATES = ["success", "failed", "running", "queued", None]
EXPECTED = {
    "none": ["already exists", "already exists", "in flight", "in flight", "make"],
    "failed": ["already exists", "again", "in flight", "in flight", "make"],
    "completed": ["again", "again", "in flight", "in flight", "make"],
}


@pytest.mark.parametrize("partitioned", [True, False])
@pytest.mark.parametrize("reprocess", sorted(EXPECTED))
def test_runs_that_exist(reprocess: str, partitioned: bool) -> None:
    runs = _runs(DAILY, _midnight(-6), _midnight(-2))
    existing = {key_of(run): Existing(state, state) for run, state in zip(runs, STATES, strict=True) if state}
    done = steps(runs=runs, existing=existing, reprocess=reprocess, partitioned=partitioned)
    told = [step.reason or ("again" if step.again else "make") for step in done]
    wanted = [word.replace("again", "make") if partitioned else word for word in EXPECTED[reprocess]]
    assert told == wanted, "a partition is run anew beside its old run"
    assert [step.ordinal for step in done] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", sorted(NON_PERIODIC))
def test_kinds_without_a_series_are_refused(kind: str) -> None:
    with pytest.raises(BackfillInvalid, match="non-periodic"):
        check_kind(dag_id="d", schedule=Schedule(timetable=TimetableSpec(kind=kind)))


def test_run_types() -> None:
    check_run_type(dag_id="d", schedule=DAILY)
    with pytest.raises(RunTypeNotAllowed):
        check_run_type(dag_id="d", schedule=Schedule(timetable=DAILY.timetable, run_types=["manual"]))


@pytest.mark.parametrize(
    ("first", "last", "backwards", "reprocess", "depends", "said"),
    [
        (-1, -2, False, "none", False, "must not be after"),
        (1, 2, False, "none", False, "future"),
        (-2, -1, True, "failed", True, "in reverse"),
        (-2, -1, False, "none", True, "must set reprocess"),
        (-2, 2, True, "none", False, None),
        (-2, -1, False, "completed", True, None),
    ],
)
def test_ranges(
    first: int, last: int, backwards: bool, reprocess: str, depends: bool, said: str | None
) -> None:
    def check() -> None:
        check_range(
            from_date=_midnight(first),
            to_date=_midnight(last),
            backwards=backwards,
            reprocess=reprocess,
            depends_on_past=depends,
            now=NOW,
        )

    if said is None:
        check()
        return
    with pytest.raises(BackfillInvalid, match=said):
        check()


def test_how_long_it_takes() -> None:
    assert predicted_seconds(runs=10, max_active_runs=4, average_seconds=60.0) == 180.0
    assert predicted_seconds(runs=0, max_active_runs=4, average_seconds=60.0) == 0.0
    assert predicted_seconds(runs=10, max_active_runs=4, average_seconds=None) is None


def test_bounds_come_from_the_dag_and_its_tasks() -> None:
    def bounds(tasks: list[TaskSpec], **fields: str | None) -> tuple[str | None, str | None]:
        spec = DagSpec(dag_id="d", relative_fileloc="d.py", timetable=DAILY.timetable, tasks=tasks, **fields)  # type: ignore[arg-type]
        told = schedule_of(spec)
        return told.earliest, told.latest

    early, late = "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00+00:00"
    both = TaskSpec(task_id="a", operator="x", start_date=early, end_date=late)
    open_ended = TaskSpec(task_id="b", operator="x", start_date=late)
    assert bounds([both], start_date=late, end_date=early) == (early, late)
    assert bounds([both, open_ended], start_date=None, end_date=early) == (early, early)
    assert bounds([open_ended]) == (late, None)
    assert bounds([], end_date=early) == (None, early)
