"""Timetables give Airflow's own answers, and a few things that hold for any of them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.timetables.cron import PRESETS
from domain.timetables.evaluate import check, manual_interval, next_run
from domain.timetables.instants import Interval, NextRun, TimetableInvalid
from domain.timetables.partitions import partition_date_of, partitions_between
from domain.timetables.zones import from_wall, to_wall, zone_of
from taskwire.dagspec import TimetableSpec

HERE = Path(__file__).parent
STORED = HERE.parent / "fixtures" / "timetables.json"
ANSWERS: list[dict[str, Any]] = json.loads(STORED.read_text())
SOME = 5
CASES = [case for case in ANSWERS if case["spec"]["kind"] != "partition_cron"]
PARTITIONS = [case for case in ANSWERS if case["spec"]["kind"] == "partition_cron"]
STEPS = 200
NOW = datetime(2025, 6, 1, 10, 17, 33, tzinfo=UTC)


def spec_of(case: dict[str, Any]) -> TimetableSpec:
    return msgspec.convert(case["spec"], TimetableSpec)


def utc(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def instant(stamp: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=stamp)


def expected_runs(case: dict[str, Any]) -> list[Interval]:
    runs: list[Interval] = []
    start = instant(0)
    for step, width, count in case["runs"]:
        for _ in range(count):
            start += timedelta(seconds=step)
            runs.append(Interval(start, start + timedelta(seconds=width)))
    return runs


def our_runs(case: dict[str, Any]) -> tuple[list[Interval], bool]:
    clock = datetime.fromisoformat(case["now"]).replace(tzinfo=UTC)
    last: Interval | None = None
    if case["last"] is not None:
        last = Interval(*(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in case["last"]))
    runs: list[Interval] = []
    for _ in range(STEPS):
        run = next_run(
            spec=spec_of(case),
            last=last,
            start_at=utc(case["start"]),
            end_at=utc(case["end"]),
            catchup=case["catchup"],
            now=clock,
        )
        if run is None:
            return runs, True
        assert run.interval is not None
        assert run.run_after == run.interval.end
        assert run.logical_date == run.interval.start
        last = run.interval
        runs.append(last)
        clock += timedelta(seconds=case["pace"])
    return runs, False


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_next_200_runs_are_airflows(case: dict[str, Any]) -> None:
    assert our_runs(case) == (expected_runs(case), case["over"])


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["name"])
def test_manual_intervals_are_airflows(case: dict[str, Any]) -> None:
    for asked_at, start, end in case["manual"]:
        assert manual_interval(spec_of(case), instant(asked_at)) == Interval(instant(start), instant(end))


def _encoded(runs: list[NextRun]) -> list[list[float]]:
    told: list[list[float]] = []
    before = instant(0)
    for run in runs:
        assert run.partition_date is not None
        assert (run.logical_date, run.interval) == (None, None)
        step = [
            (run.run_after - before).total_seconds(),
            (run.partition_date - run.run_after).total_seconds(),
        ]
        if told and told[-1][:2] == step:
            told[-1][2] += 1
        else:
            told.append([*step, 1])
        before = run.run_after
    return told


def _keys(runs: list[NextRun]) -> list[str]:
    keys = [run.partition_key or "" for run in runs]
    return [*keys[:1], *keys[-1:], hashlib.sha256("\n".join(keys).encode()).hexdigest()[:16]]


@pytest.mark.parametrize("case", PARTITIONS, ids=lambda case: case["name"])
def test_next_200_partitions_are_airflows(case: dict[str, Any]) -> None:
    clock = datetime.fromisoformat(case["now"]).replace(tzinfo=UTC)
    runs: list[NextRun] = []
    more: dict[str, Any] = {"start_at": utc(case["start"]), "end_at": utc(case["end"])}
    run = None
    for _ in range(STEPS):
        last = run.last if run else None
        run = next_run(spec=spec_of(case), last=last, catchup=case["catchup"], now=clock, **more)
        if run is None:
            break
        runs.append(run)
        clock += timedelta(seconds=case["pace"])
    assert (_encoded(runs), run is None, _keys(runs)) == (case["runs"], case["over"], case["keys"])


@pytest.mark.parametrize("case", [c for c in PARTITIONS if "window" in c], ids=lambda case: case["name"])
def test_a_range_has_airflows_partitions_and_its_keys_are_read_back(case: dict[str, Any]) -> None:
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in case["window"])
    found = list(partitions_between(spec_of(case), first, last))
    assert [len(found), *_keys(found)] == case["between"]
    dates = [partition_date_of(spec_of(case), run.partition_key or "") for run in found[:30]]
    assert [date.timestamp() for date in dates] == case["decoded"]


def test_a_key_of_another_format_is_no_partition() -> None:
    with pytest.raises(TimetableInvalid, match="does not match"):
        partition_date_of(TimetableSpec(kind="partition_cron", expression="@daily"), "yesterday")


def test_stored_answers_cover_the_hard_parts() -> None:
    kinds = {case["spec"]["kind"] for case in CASES}
    assert kinds >= {"cron", "delta", "trigger_cron", "trigger_delta", "multi_trigger_cron", "once", "events"}
    assert kinds >= {"continuous", "null", "asset_or_time"}
    assert len(PARTITIONS) >= 70
    zones = {case["spec"].get("timezone") for case in CASES}
    assert zones >= {"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"}
    full = [case for case in CASES if sum(run[2] for run in case["runs"]) == STEPS]
    assert len(full) >= 100
    # Both changes of the clocks must be in reach of a case, or the comparison proves little.
    berlin = [case for case in full if case["spec"].get("timezone") == "Europe/Berlin"]
    for change in (datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC)):
        crossing = [c for c in berlin if expected_runs(c)[0].start < change < expected_runs(c)[-1].start]
        assert len(crossing) >= 8


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
@pytest.mark.parametrize("every", [SOME, pytest.param(1, marks=pytest.mark.heavy)])
def test_airflow_still_gives_the_stored_answers(every: int) -> None:
    """All of them take most of a minute."""
    python = os.environ["AERODROME_TEST_RUNTIME"]
    command = [python, HERE / "oracle_timetables.py", str(every)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ANSWERS[::every]


def ask(spec: TimetableSpec, *, catchup: bool = True, last: Interval | None = None) -> NextRun | None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return next_run(spec=spec, last=last, start_at=start, end_at=None, catchup=catchup, now=NOW)


def test_asset_or_time_runs_when_its_time_part_does() -> None:
    child = TimetableSpec(kind="cron", expression="@daily")
    both = TimetableSpec(kind="asset_or_time", child=child)
    assert ask(both) == ask(child) is not None
    assert manual_interval(both, NOW) == manual_interval(child, NOW)


@pytest.mark.parametrize("kind", ["null", "asset", "custom", "partition_asset", "partition_runtime"])
def test_nothing_is_planned_for(kind: str) -> None:
    assert ask(TimetableSpec(kind=kind)) is None


def test_custom_timetable_has_no_manual_interval_here() -> None:
    assert manual_interval(TimetableSpec(kind="custom"), NOW) is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (TimetableSpec(kind="cron", expression="61 * * * *"), "61"),
        (TimetableSpec(kind="cron", expression="every day"), "every day"),
        (TimetableSpec(kind="cron"), "no cron expression"),
        (TimetableSpec(kind="cron", expression="@daily", timezone="Europe/Atlantis"), "Europe/Atlantis"),
        (TimetableSpec(kind="cron", expression="@daily", timezone="../etc/passwd"), "etc/passwd"),
        (TimetableSpec(kind="cron", expression="@daily", timezone="+99:00"), "99:00"),
        (TimetableSpec(kind="delta", delta={"days": -1}), "positive"),
        (TimetableSpec(kind="delta", delta={}), "positive"),
        (TimetableSpec(kind="delta", delta={"fortnights": 1}), "fortnights"),
        (TimetableSpec(kind="delta", delta={"years": 1e9}), "years"),
        (TimetableSpec(kind="events", instants=["tomorrow"]), "ISO 8601"),
        (TimetableSpec(kind="multi_trigger_cron"), "no cron expressions"),
        (TimetableSpec(kind="multi_trigger_cron", expressions=["@daily", "x"]), "'x'"),
        (TimetableSpec(kind="asset_or_time"), "no time part"),
        (TimetableSpec(kind="partition_cron", expression="@nightly"), "nightly"),
        (TimetableSpec(kind="partition_cron", expression="@daily", partition={"run_offset": 1001}), "1001"),
        (
            TimetableSpec(kind="partition_cron", expression="@daily", partition={"key_format": 7}),
            "key_format",
        ),
        (TimetableSpec(kind="lunar"), "lunar"),
    ],
)
def test_refuses_with_what_is_wrong(spec: TimetableSpec, said: str) -> None:
    with pytest.raises(TimetableInvalid, match=said):
        check(spec)
    with pytest.raises(TimetableInvalid, match=said):
        ask(spec)


def test_check_accepts_what_can_be_evaluated() -> None:
    for case in CASES:
        check(spec_of(case))


def test_cron_that_never_fires_is_refused_when_asked() -> None:
    with pytest.raises(TimetableInvalid, match="30 2"):
        ask(TimetableSpec(kind="cron", expression="0 0 30 2 *"))


def test_naive_instants_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        next_run(
            spec=TimetableSpec(kind="once"),
            last=None,
            start_at=datetime(2025, 1, 1),
            end_at=None,
            catchup=True,
            now=NOW,
        )


def test_a_time_that_never_comes_moves_on_and_a_double_one_is_the_second() -> None:
    berlin = zone_of("Europe/Berlin")
    assert from_wall(datetime(2025, 3, 30, 2, 30), berlin) == datetime(2025, 3, 30, 1, 30, tzinfo=UTC)
    assert from_wall(datetime(2025, 10, 26, 2, 30), berlin) == datetime(2025, 10, 26, 1, 30, tzinfo=UTC)
    assert zone_of("7200") == zone_of("+02:00")


@pytest.mark.parametrize("delta", [{"months": 1, "year": 2020}, {"months": 1, "days": -27, "hours": -23}])
def test_a_delta_that_circles_or_crawls_costs_no_time(delta: dict[str, float]) -> None:
    spec = TimetableSpec(kind="delta", delta=delta)
    start = datetime(1, 2, 1, tzinfo=UTC)
    with pytest.raises(TimetableInvalid, match=r"leads from|steps"):
        next_run(spec=spec, last=None, start_at=start, end_at=None, catchup=False, now=NOW)


EXTREMES = [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]


@pytest.mark.parametrize("extreme", EXTREMES)
@pytest.mark.parametrize("catchup", [True, False])
@pytest.mark.parametrize("kind", ["cron", "trigger_cron", "delta", "trigger_delta", "once", "continuous"])
def test_the_ends_of_the_calendar_crash_nothing(kind: str, catchup: bool, extreme: datetime) -> None:
    spec = TimetableSpec(
        kind=kind, expression="@daily", timezone="Asia/Tokyo", delta={"years": 9000}, interval_seconds=86400.0
    )
    for start, now in ((extreme, NOW), (NOW, extreme), (None, extreme)):
        with suppress(TimetableInvalid):
            next_run(spec=spec, last=None, start_at=start, end_at=None, catchup=catchup, now=now)
    with suppress(TimetableInvalid):
        manual_interval(spec, extreme)


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))
CRONS = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "30", "*/15", "7,52", "*"]),
    st.sampled_from(["*", "0", "2", "*/3", "2,3"]),
    st.sampled_from(["*", "1", "L", "1,15"]),
    st.sampled_from(["*", "*/3"]),
    st.sampled_from(["*", "1-5", "SUN"]),
) | st.sampled_from(sorted(PRESETS))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata"])
SPECS = st.builds(
    TimetableSpec,
    kind=st.sampled_from(["cron", "trigger_cron"]),
    expression=CRONS,
    timezone=ZONES,
) | st.builds(
    TimetableSpec,
    kind=st.sampled_from(["delta", "trigger_delta"]),
    delta=st.fixed_dictionaries({"hours": st.integers(1, 99)})
    | st.fixed_dictionaries({"months": st.integers(1, 9)}),
)


WORDS = st.text("0123456789*/-,#?LRHWlw@ ()ADJMNOSTUadfijmnostu", max_size=24)


@settings(max_examples=200, deadline=None)
@given(expression=WORDS, zone=st.text(max_size=12) | ZONES)
def test_any_text_is_a_schedule_or_a_refusal(expression: str, zone: str) -> None:
    spec = TimetableSpec(kind="cron", expression=expression, timezone=zone)
    with suppress(TimetableInvalid):
        check(spec)
        ask(spec)


@settings(max_examples=60, deadline=None)
@given(spec=SPECS, start=INSTANTS, ahead=st.integers(0, 10**7), catchup=st.booleans())
def test_runs_follow_each_other_and_never_repeat(
    spec: TimetableSpec, start: datetime, ahead: int, catchup: bool
) -> None:
    now = start + timedelta(seconds=ahead)
    last: Interval | None = None
    for _ in range(6):
        run = next_run(spec=spec, last=last, start_at=start, end_at=None, catchup=catchup, now=now)
        assert run is not None
        assert run.logical_date is not None
        assert run.interval is not None
        assert run.logical_date.utcoffset() == timedelta(0)
        assert run.interval.start >= start - timedelta(seconds=spec.interval_seconds)
        assert run.interval.start <= run.interval.end == run.run_after
        if last is not None:
            assert run.interval.start > last.start
            assert run.interval.start >= last.end
        last = run.interval


@settings(max_examples=60, deadline=None)
@given(spec=SPECS, start=INSTANTS, ahead=st.integers(0, 10**7), cut=st.integers(0, 10**7))
def test_no_run_starts_after_the_end_date(spec: TimetableSpec, start: datetime, ahead: int, cut: int) -> None:
    end = start + timedelta(seconds=cut)
    now = start + timedelta(seconds=ahead)
    run = next_run(spec=spec, last=None, start_at=start, end_at=end, catchup=True, now=now)
    assert run is None or run.logical_date <= end


@settings(max_examples=100, deadline=None)
@given(instant=INSTANTS, zone=ZONES)
def test_wall_clock_and_back_is_the_same_or_the_second_of_two(instant: datetime, zone: str) -> None:
    wall = to_wall(instant, zone_of(zone))
    back = from_wall(wall, zone_of(zone))
    assert to_wall(back, zone_of(zone)) == wall
    assert timedelta(0) <= back - instant <= timedelta(hours=1)
