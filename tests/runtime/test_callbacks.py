"""Callbacks on a real Airflow: a live process runs its own, a dead one's are run in a child that holds the DAG."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from taskwire.workload import Limits, Workload
from tests.runtime.conftest import DAGS, make_passable
from tests.support.agent_process import RUNTIME, AgentProcess, Works
from tests.support.fake_gateway import FakeGateway

PATH = {"dag_id": "called_back", "path": "called_back.py"}


def called(gateway: FakeGateway, work: Workload) -> list[dict[str, Any]]:
    """What the author's code was told, call by call. The agent has let go of the work: its log is whole."""
    gateway.until_over(work)
    lines = [str(event["event"]) for event in gateway.log_events(work)]
    return [json.loads(line.removeprefix("CALLED ")) for line in lines if line.startswith("CALLED ")]


def run_task(gateway: FakeGateway, works: Works, task_id: str, **more: Any) -> tuple[str, list[str]]:
    work = works.task(task_id=task_id, **PATH, **more)
    gateway.give(work)
    state = gateway.finished(work)["state"]
    return state, [one["kind"] for one in called(gateway, work)]


def run_callback(
    gateway: FakeGateway, works: Works, kind: str, **more: Any
) -> tuple[Workload, dict[str, Any]]:
    work = works.callback(kind=kind, **PATH, **more)
    gateway.give(work)
    gateway.finished(work)
    begun = gateway.operations(work, "callback_begun")
    assert begun == [{}], "said once, before anything else"
    [done] = gateway.operations(work, "callback_done")
    return work, done


@pytest.mark.parametrize(
    ("task_id", "should_retry", "state", "kinds"),
    [
        ("succeeds", False, "success", ["task_execute", "task_success"]),
        ("fails", False, "failed", ["task_execute", "task_failure"]),
        ("fails", True, "up_for_retry", ["task_execute", "task_retry"]),
        ("skips", False, "skipped", ["task_execute", "task_skipped"]),
        ("dies_now", False, "failed", ["task_execute"]),
        ("dies_now", True, "up_for_retry", ["task_execute"]),
    ],
)
def test_a_live_process_runs_each_of_its_five_callbacks_once(
    agent: AgentProcess, gateway, works, task_id: str, should_retry: bool, state: str, kinds: list[str]
) -> None:
    assert run_task(gateway, works, task_id, should_retry=should_retry) == (state, kinds)


@pytest.mark.parametrize(
    ("kind", "state", "name"),
    [("task_failure", "failed", "task_failure"), ("task_retry", "up_for_retry", "task_retry")],
)
def test_a_dead_tasks_callback_is_told_what_airflow_tells(
    agent: AgentProcess, gateway, works, kind: str, state: str, name: str
) -> None:
    work, done = run_callback(
        gateway, works, kind, task_id="dies_now", state=state, reason="Task killed by SIGKILL."
    )
    assert done == {"state": "success", "message": ""}
    [facts] = called(gateway, work)
    assert facts["kind"] == name
    assert (facts["task"], facts["try"], facts["state"]) == ("dies_now", 1, state)
    assert facts["exception"] == "Task killed by SIGKILL."
    assert facts["log_url"].startswith(
        "https://aerodrome.example/t/acme/dags/called_back/runs/manual__1/tasks/"
    )


def test_a_runs_callbacks_are_told_the_reason_and_one_error_stops_no_other(
    agent: AgentProcess, gateway, works
) -> None:
    work, done = run_callback(gateway, works, "dag_failure", task_id="fails", reason="task_failure")
    assert done["state"] == "failed" and "ValueError: deliberately broken callback" in done["message"]
    [facts] = called(gateway, work)
    assert (facts["kind"], facts["reason"], facts["task"]) == ("dag_failure", "task_failure", "fails")
    work, done = run_callback(gateway, works, "dag_success", reason="success")
    assert done["state"] == "success"
    [facts] = called(gateway, work)
    assert (facts["kind"], facts["dag"], facts["run"], facts["task"]) == (
        "dag_success",
        "called_back",
        "manual__1",
        None,
    )


def test_deadlines_call_functions_and_coroutines_of_the_dag_file(agent: AgentProcess, gateway, works) -> None:
    facts = {"id": "d1", "deadline_time": "2026-01-01T01:00:00+00:00", "dag_run": {"dag_run_id": "manual__1"}}
    work, done = run_callback(gateway, works, "deadline", deadline={**facts, "number": 0})
    assert done["state"] == "success", done
    [told] = called(gateway, work)
    assert (told["text"], told["deadline_time"], told["run"]) == (
        "too late",
        "2026-01-01T01:00:00+00:00",
        {"dag_run_id": "manual__1"},
    )
    work, done = run_callback(gateway, works, "deadline", deadline={**facts, "number": 1})
    assert done["state"] == "success", done
    assert called(gateway, work) == [{"kind": "late_async", "text": "async", "instant": True}]


def test_a_missed_sla_is_called_as_airflow_2_did(agent: AgentProcess, gateway, works) -> None:
    instant = "2026-01-01T00:00:00+00:00"
    blocking = {
        "task_id": "fails",
        "map_index": -1,
        "state": "running",
        "try_number": 1,
        "start_date": instant,
    }
    work, done = run_callback(
        gateway,
        works,
        "sla_miss",
        deadline={
            "tasks": ["fails", "skips"],
            "execution_date": instant,
            "timestamp": instant,
            "blocking": [blocking],
        },
    )
    assert done["state"] == "success", done
    [told] = called(gateway, work)
    assert told["tasks"] == f"fails on {instant}\nskips on {instant}"
    assert told["blocking"] == f"fails on {instant}"
    assert told["slas"] == [["fails", instant], ["skips", instant]]
    assert told["states"] == [["fails", "running"]]


def test_what_a_callback_does_to_its_process_is_told(agent: AgentProcess, gateway, works) -> None:
    work, done = run_callback(gateway, works, "task_failure", task_id="broken", state="failed")
    assert done["state"] == "failed" and "deliberately broken" in done["message"]
    assert [one["kind"] for one in called(gateway, work)] == ["after"]
    _, done = run_callback(gateway, works, "task_failure", task_id="dying", state="failed")
    assert done == {"state": "failed", "message": "its process was killed by signal 9"}
    _, done = run_callback(
        gateway, works, "task_failure", task_id="hanging", state="failed", limits=Limits(wall_seconds=0.5)
    )
    assert done == {"state": "failed", "message": "it ran longer than 0.5 s"}
    _, done = run_callback(gateway, works, "task_failure", task_id="not_there", state="failed")
    assert "is not in DAG" in done["message"]


def test_a_process_that_dies_in_its_own_callback_has_failed_already(
    agent: AgentProcess, gateway, works
) -> None:
    """So nothing says that it died, and nobody calls its callbacks again: what began is not repeated."""
    work = works.task(task_id="dies_in_its_callback", **PATH)
    gateway.give(work)
    state = gateway.finished(work)
    assert [one["kind"] for one in called(gateway, work)] == ["before"]
    assert state["state"] == "failed" and "died" not in state
    assert gateway.operations(work, "state") == [state], "and it is told once"


def test_a_callback_asks_with_its_own_token(agent: AgentProcess, gateway, works) -> None:
    gateway.answers["GET", "variables/colour"] = (200, {"key": "colour", "value": "green"})
    work, done = run_callback(gateway, works, "task_failure", task_id="asking", state="failed")
    assert done["state"] == "success", done
    assert called(gateway, work) == [{"kind": "asks", "value": "green"}]
    assert work.callback is not None
    assert {token for _, path, _, token, _ in gateway.asked if path == "variables/colour"} == {
        work.callback.token
    }


@pytest.mark.heavy
def test_an_agent_that_ends_says_that_it_cut_a_callback(
    runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("agent")
    make_passable(directory)
    with FakeGateway() as gateway:
        works = Works(gateway, {"called_back.py": (DAGS / "called_back.py").read_text()})
        process = AgentProcess(gateway=gateway, directory=directory, runtime=runtime_path)
        work = works.callback(kind="task_failure", task_id="hanging", state="failed", **PATH)
        gateway.give(work)
        gateway.until(lambda: gateway.operations(work, "callback_begun"), "the callback to begin")
        assert process.stop() == 0
        [done] = gateway.operations(work, "callback_done")
    assert done == {"state": "failed", "message": "the agent is shutting down"}


def test_one_that_another_claim_has_is_not_run(agent: AgentProcess, gateway, works) -> None:
    gateway.invalid.add("callback_begun")
    try:
        work = works.callback(kind="task_failure", task_id="dies_now", state="failed", **PATH)
        gateway.give(work)
        gateway.until_over(work)
    finally:
        gateway.invalid.clear()
    assert gateway.operations(work, "callback_done") == []
    assert called(gateway, work) == []


def test_one_whose_runtime_is_still_being_built_waits_for_it(agent: AgentProcess, gateway, works) -> None:
    work = works.callback(kind="task_failure", task_id="fails", **PATH)
    work.runtime_digest = "callbacks-not-built-yet"
    gateway.give(work)
    gateway.until_logged(work, "The callback waits: runtime callbacks-not-built-yet is not on this agent")
    assert not gateway.operations(work, "callback_begun")
    runtimes = agent.directory / "runtimes"
    (runtimes / "callbacks-not-built-yet").symlink_to((runtimes / RUNTIME).resolve())
    gateway.finished(work)
    [done] = gateway.operations(work, "callback_done")
    assert done["state"] == "success"
