"""Timetable orders: a tenant's own class is asked with real Airflow, and what it does hurts only itself."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from taskwire.timetabling import ManualRun, Past, RunInfo, Span, TimetableOrder
from taskwire.workload import Workload
from tests.support.agent_process import RUNTIME, TENANT, AgentProcess, Works

OWN = '''
from datetime import timedelta
from airflow.sdk import DAG, task
from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from pendulum import UTC, DateTime, Time

class Workdays(Timetable):
    """The example of Airflow's documentation: a run after every workday."""
    def __init__(self, fails_after=None): self.fails_after = fails_after
    def infer_manual_data_interval(self, run_after):
        if run_after.year == 1999:
            raise KeyError("before my time")
        start = DateTime.combine((run_after - timedelta(days=1)).date(), Time.min).replace(tzinfo=UTC)
        return DataInterval(start=start, end=start + timedelta(days=1))
    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        if last_automated_data_interval is not None:
            start = last_automated_data_interval.start + timedelta(days=1)
        else:
            start = restriction.earliest
            if start is None:
                return None
        while start.weekday() > 4:
            start = start + timedelta(days=1)
        if restriction.latest is not None and start > restriction.latest:
            return None
        if self.fails_after and start.isoformat() > self.fails_after:
            raise RuntimeError("no further")
        return DagRunInfo.interval(start=start, end=start + timedelta(days=1))
    def generate_run_id(self, *, run_type, run_after, data_interval, **extra):
        return f"workday-{data_interval.start:%Y%m%d}"

def dag(name, timetable):
    with DAG(name, schedule=timetable):
        @task
        def one(): ...
        one()
    return name

'''
NEXT = "    def next_dagrun_info(self, **_):\n        "
FILES = {
    "own.py": OWN
    + "dag('own', Workdays())\ndag('half', Workdays('2026-03-06'))\ndag('none', Workdays('2000'))\n",
    "hangs.py": OWN + f"class Hangs(Workdays):\n{NEXT}while True: pass\ndag('hangs', Hangs())\n",
    "exits.py": OWN + f"class Exits(Workdays):\n{NEXT}import os; os._exit(3)\ndag('exits', Exits())\n",
    "connects.py": OWN
    + f"import socket\nclass Connects(Workdays):\n{NEXT}socket.create_connection(('127.0.0.1', 22), 1)\n"
    + "dag('connects', Connects())\n",
    "gone.py": OWN,
}
START = datetime(2026, 3, 5, tzinfo=UTC)  # a Thursday


@pytest.fixture(scope="module")
def works(gateway) -> Works:
    return Works(gateway, FILES)


def _ask(gateway: Any, works: Works, path: str, dag_id: str, **fields: Any) -> dict[str, Any]:
    order = TimetableOrder(
        bundle_digest=works.digest,
        runtime_digest=RUNTIME,
        path=path,
        dag_id=dag_id,
        catchup=True,
        count=6,
        seconds=4.0,
        earliest=fields.pop("earliest", START.isoformat()),
        **fields,
    )
    work = Workload(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        tenant="acme",
        epoch=1,
        kind="timetable",
        runtime_digest=RUNTIME,
        timetable=order,
    )
    gateway.give(work)
    gateway.finished(work)
    told: dict[str, Any] = gateway.operations(work, "timetabled")[0]
    return told


def _days(told: dict[str, Any]) -> list[int]:
    return [datetime.fromisoformat(run["interval"]["start"]).day for run in told.get("runs", [])]


def test_the_next_runs_are_what_the_class_says(agent: AgentProcess, gateway, works: Works) -> None:
    told = _ask(gateway, works, "own.py", "own")
    assert "failure" not in told
    assert _days(told) == [5, 6, 9, 10, 11, 12]
    assert told["runs"][0] == {
        "run_after": "2026-03-06T00:00:00+00:00",
        "interval": {"start": "2026-03-05T00:00:00+00:00", "end": "2026-03-06T00:00:00+00:00"},
        "run_id": "workday-20260305",
    }
    assert not told.get("over")


def test_it_goes_on_after_the_last_and_ends_with_the_dag(agent: AgentProcess, gateway, works: Works) -> None:
    friday = START + timedelta(days=1)
    last = RunInfo(
        run_after=(friday + timedelta(days=1)).isoformat(),
        interval=Span(start=friday.isoformat(), end=(friday + timedelta(days=1)).isoformat()),
    )
    told = _ask(gateway, works, "own.py", "own", last=last, latest="2026-03-10T00:00:00+00:00")
    assert (_days(told), told["over"]) == ([9, 10], True)


def test_runs_by_hand_get_what_the_class_infers(agent: AgentProcess, gateway, works: Works) -> None:
    manual = [
        ManualRun(run="a", run_after="2026-03-09T15:00:00+00:00"),
        ManualRun(run="b", run_after="1999-03-09T15:00:00+00:00"),
    ]
    told = _ask(gateway, works, "own.py", "own", manual=manual)
    first, second = told["manual"]
    assert first["interval"] == {"start": "2026-03-08T00:00:00+00:00", "end": "2026-03-09T00:00:00+00:00"}
    assert second["problem"] == "infer_manual_data_interval raised KeyError: 'before my time'"
    assert len(told["runs"]) == 6


def test_what_it_told_before_it_failed_holds(agent: AgentProcess, gateway, works: Works) -> None:
    told = _ask(gateway, works, "own.py", "half")
    assert (_days(told), told.get("over", False), "failure" in told) == ([5], False, False)


@pytest.mark.parametrize(
    ("path", "dag_id", "said"),
    [
        ("own.py", "none", "RuntimeError: no further"),
        ("hangs.py", "hangs", "did not answer in 4 s"),
        ("exits.py", "exits", "exit code 3"),
        ("connects.py", "connects", "OSError"),
        ("gone.py", "gone", "no DAG 'gone' in the file"),
        ("absent.py", "gone", "absent.py"),
    ],
)
def test_one_that_fails_is_told_with_its_reason(
    agent: AgentProcess, gateway, works: Works, path: str, dag_id: str, said: str
) -> None:
    failure = _ask(gateway, works, path, dag_id)["failure"]
    told = f"{failure['message']}\n{failure['stacktrace']}"
    assert said in told or (said == "OSError" and "Error" in told), failure
    assert failure["kind"] == "timetable"
    if dag_id == "none":
        assert failure["line"] > 0, "the author's own line"


def _past(days: int, now: int = 30, **fields: Any) -> Past:
    """From the Thursday on, this many days."""
    end = (START + timedelta(days=days)).isoformat()
    return Past(start=START.isoformat(), end=end, now=(START + timedelta(days=now)).isoformat(), **fields)


def _told_past(told: dict[str, Any]) -> tuple[list[int], bool]:
    past = told["past"]
    days = [datetime.fromisoformat(run["interval"]["start"]).day for run in past.get("runs", [])]
    return days, past.get("over", False)


def test_runs_of_the_past_are_told_in_batches(agent: AgentProcess, gateway, works: Works) -> None:
    """The start and end of the DAG do not bound them, as in Airflow."""
    late = (START + timedelta(days=90)).isoformat()
    first = _ask(gateway, works, "own.py", "own", past=_past(5, count=2), earliest=late)
    assert _told_past(first) == ([5, 6], False)
    last = RunInfo(**{**first["past"]["runs"][-1], "interval": Span(**first["past"]["runs"][-1]["interval"])})
    assert _told_past(_ask(gateway, works, "own.py", "own", past=_past(5, last=last))) == ([9, 10], True)
    assert "past" not in _ask(gateway, works, "own.py", "own")


def test_runs_that_are_not_complete_are_no_past(agent: AgentProcess, gateway, works: Works) -> None:
    told = _ask(gateway, works, "own.py", "own", past=_past(5, now=2))
    assert _told_past(told) == ([5], True), "the second ends just now"


def test_a_class_that_raises_ends_the_past_or_says_why(agent: AgentProcess, gateway, works: Works) -> None:
    half = _ask(gateway, works, "own.py", "half", past=_past(5))
    assert _told_past(half) == ([5], True)
    none = _ask(gateway, works, "own.py", "none", past=_past(5))
    assert none["past"]["problem"] == "next_dagrun_info raised RuntimeError: no further"
