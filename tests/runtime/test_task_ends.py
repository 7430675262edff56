"""How a task ends is told for what it is: state, reason, and a line in its log."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aerodrome_runtime.jail.cgroups import Cgroup
from taskwire.workload import Limits, Workload
from tests.support.agent_process import AgentProcess, Works
from tests.support.fake_gateway import FakeGateway


def run(gateway: FakeGateway, works: Works, task_id: str, **options: object) -> tuple[Workload, dict]:
    work = works.task(dag_id="tried", task_id=task_id, path="tried.py", **options)
    gateway.give(work)
    return work, gateway.finished(work)


def test_a_task_that_returns_succeeds_with_xcom_and_rendered_fields(
    agent: AgentProcess, gateway, works
) -> None:
    work, state = run(gateway, works, "noop")
    assert state["state"] == "success"
    assert state["end_date"]
    assert "died" not in state
    (xcom,) = gateway.operations(work, "xcom_set")
    assert xcom["key"] == "return_value" and xcom["value"] == 1 and xcom["task_id"] == "noop"
    assert gateway.operations(work, "rendered_fields")


def test_what_is_said_after_the_state_is_not_lost(agent: AgentProcess, gateway, works) -> None:
    """`@task.bash` tells its command once it is known, when its success is reported already."""
    work, state = run(gateway, works, "renders_again")
    assert state["state"] == "success"
    gateway.until_over(work)
    told = [
        fields["rendered_fields"]["bash_command"] for fields in gateway.operations(work, "rendered_fields")
    ]
    assert told[-1] == "echo told"


def test_a_task_pulls_what_another_pushed(agent: AgentProcess, gateway, works) -> None:
    run(gateway, works, "produce")
    work, state = run(gateway, works, "consume")
    assert state["state"] == "success"
    assert gateway.operations(work, "xcom_set")[0]["value"] == 6
    tokens = {token for method, path, _, token, _ in gateway.asked if "produce" in path}
    assert tokens == {work.task.token}


def test_an_exception_fails_or_retries_as_the_context_says(agent: AgentProcess, gateway, works) -> None:
    work, state = run(gateway, works, "fails", should_retry=True)
    assert state["state"] == "up_for_retry"
    failure = gateway.until_logged(work, "Task failed with exception")
    assert failure["error_detail"][0]["exc_type"] == "ValueError"
    _, last = run(gateway, works, "fails")
    assert last["state"] == "failed"


def test_a_retry_policy_decides_in_the_task_itself(agent: AgentProcess, gateway, works) -> None:
    _, state = run(gateway, works, "chooses_to_fail", should_retry=True)
    assert state["state"] == "failed"
    _, state = run(gateway, works, "chooses_to_wait", should_retry=True)
    assert (state["state"], state["retry_delay_seconds"]) == ("up_for_retry", 7.0)


@pytest.mark.parametrize(
    ("task_id", "reason", "detail", "line"),
    [
        ("kills_itself", "signal", {"signal": 9}, "Task killed by SIGKILL"),
        ("segfaults", "signal", {"signal": 11}, "Task killed by SIGSEGV"),
        ("exits_hard", "exit", {"exit_code": 42}, "exit code 42"),
    ],
)
def test_a_death_is_told(agent: AgentProcess, gateway, works, task_id, reason, detail, line) -> None:
    work, state = run(gateway, works, task_id)
    assert state["state"] == "failed"
    assert state["died"]["reason"] == reason
    assert detail.items() <= state["died"].items()
    gateway.until_logged(work, line)


def test_a_death_with_tries_left_is_a_retry(agent: AgentProcess, gateway, works) -> None:
    _, state = run(gateway, works, "kills_itself", should_retry=True)
    assert state["state"] == "up_for_retry"
    assert state["died"]["signal"] == 9


def test_memory_death_names_the_limit(agent: AgentProcess, gateway, works) -> None:
    limits = Limits(memory_bytes=300 * 1024 * 1024)
    work, state = run(gateway, works, "eats_memory", limits=limits)
    assert state["state"] == "failed"
    assert state["died"]["reason"] == "memory", state
    assert state["died"]["limit"] == limits.memory_bytes
    gateway.until_logged(work, "exceeded memory limit of 300 MiB")


def test_execution_timeout_is_the_sdks_own(agent: AgentProcess, gateway, works) -> None:
    work, state = run(gateway, works, "times_out")
    assert state["state"] == "failed"
    assert "died" not in state
    failure = gateway.until_logged(work, "Task failed with exception")
    assert failure["error_detail"][0]["exc_type"] == "AirflowTaskTimeout"


def test_wall_limit_ends_a_task(agent: AgentProcess, gateway, works) -> None:
    work, state = run(gateway, works, "sleeps", limits=Limits(wall_seconds=1.0))
    assert state["state"] == "failed"
    assert state["died"]["reason"] == "timeout"
    gateway.until_logged(work, "wall-clock limit")


def groups_with_quota(millis: int) -> list[Path]:
    """Control groups of agents whose processes may use so much of a processor, and that hold processes."""
    found = []
    for folder, _, files in os.walk(
        "/sys/fs/cgroup"
    ):  # groups of other attempts vanish meanwhile: it passes over them
        for name in {"cpu.max", "cpu.cfs_quota_us"} & {*files} if "/aerodrome-" in folder else ():
            with suppress(OSError):
                group = Path(folder)
                quota = (group / name).read_text().split()[0]
                if quota == str(millis * 100) and (group / "cgroup.procs").read_text().split():
                    found.append(group)
    return found


def test_a_task_runs_in_a_group_with_its_share_of_a_processor(agent: AgentProcess, gateway, works) -> None:
    probe = Cgroup.create(
        name=f"aerodrome-probe-{os.getpid()}", memory_bytes=2**28, processes=9, cpu_millis=500
    )
    if probe is not None:
        probe.remove()
    if probe is None or "cpu" not in probe.bounds:
        pytest.skip("no controller for processors here")
    work = works.task(dag_id="tried", task_id="sleeps", path="tried.py", limits=Limits(cpu_millis=470))
    assert not groups_with_quota(470)
    gateway.give(work)
    gateway.until_logged(work, "sleeping now")
    # Its own, and those of spares that wait for more like it.
    assert groups_with_quota(470)
    gateway.stop.append((work.id, work.epoch, "enough"))
    gateway.finished(work)
    gateway.stop.clear()


def test_stop_from_a_beat_ends_a_task(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    gateway.give(work)
    gateway.until_logged(work, "sleeping now")
    gateway.stop.append((work.id, work.epoch, "cleared by a person"))
    state = gateway.finished(work)
    gateway.stop.clear()
    assert state["died"]["reason"] == "stopped"
    gateway.until_logged(work, "cleared by a person")


def test_an_attempt_of_an_old_epoch_is_fenced_and_killed(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    gateway.give(work)
    gateway.until_logged(work, "sleeping now")
    newer = works.task(dag_id="tried", task_id="noop", path="tried.py", epoch=2)
    gateway.known[work.id] = newer
    gateway.stop.append((work.id, work.epoch, "superseded"))
    gateway.until_over(work)
    gateway.stop.clear()
    assert gateway.told.get((work.id, 1)) is None or gateway.told[work.id, 1].state is None


def test_who_hears_of_its_clear_by_a_refusal_says_so_and_says_that_it_is_gone(
    agent: AgentProcess, gateway, works
) -> None:
    """What was rendered is told a moment after it was: a clear in between is heard before any beat says it."""
    work = works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    gateway.cleared[work.id] = "cleared by a person"
    gateway.give(work)
    gateway.until(lambda: len(gateway.refused) >= 2, "the end of what was cleared")
    gateway.until_over(work)
    kinds = [[operation.kind for operation in report.operations] for report in gateway.refused]
    assert kinds == [["rendered_fields"], ["state"]], "first what it did, then that nobody goes on with it"
    died = gateway.refused[1].operations[0].body["died"]
    assert died == {"reason": "stopped", "message": "cleared by a person"}
    gateway.until_logged(work, "superseded. cleared by a person")


def test_a_missing_dag_is_rescheduled_as_airflow_does(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="no_such_dag", task_id="noop", path="tried.py")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "up_for_reschedule"
    gateway.until_logged(work, "Dag not found during start up")


def test_a_task_whose_runtime_is_not_built_waits_without_a_try(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="noop", path="tried.py")
    work.runtime_digest = "not-built"
    gateway.give(work)
    told = gateway.finished(work)
    assert told["state"] == "up_for_reschedule"
    waits = datetime.fromisoformat(told["reschedule_date"]) - datetime.fromisoformat(told["end_date"])
    assert waits == timedelta(seconds=30)
    gateway.until_logged(work, "must be built first. It is tried again in 30 s.")


def test_a_runtime_that_never_comes_fails_the_task(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="noop", path="tried.py")
    work.runtime_digest = "not-built"
    work.task.ti_context["task_reschedule_count"] = 60
    gateway.give(work)
    assert gateway.finished(work)["state"] == "failed"
    gateway.until_logged(work, "must be built first")


def test_what_is_pushed_while_a_refusal_is_on_its_way_is_not_kept(
    agent: AgentProcess, gateway, works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gateway.refused_late, "wrong", b"pushed on")
    work, state = run(gateway, works, "pushes_on_and_fails")
    assert state["state"] == "failed"
    told = gateway.told[work.id, work.epoch].operations
    assert [op.body["key"] for op in told if op.kind == "xcom_set"] == []


@pytest.mark.parametrize("task_id", [
    "noop", "pushes_and_skips", "pushes_and_exits",
    "is_told_and_skips", "is_told_and_looks_later", "is_told_and_defers",
])  # fmt: skip
def test_a_task_whose_xcom_is_refused_has_not_succeeded(
    agent: AgentProcess, gateway, works, task_id: str
) -> None:
    """Nor was it skipped, nor does it go on later: what runs all the same would look for the XCom in vain."""
    gateway.invalid.add("xcom_set")
    try:
        work, state = run(gateway, works, task_id)
    finally:
        gateway.invalid.clear()
    assert state["state"] == "failed"
    assert state["died"]["reason"] == "refused"
    gateway.until_logged(work, "could not be stored")
    assert gateway.operations(work, "rendered_fields"), "what was said before it is kept"


@pytest.mark.parametrize("task_id", ["pushes_until_told", "pushes_after_it_was_told"])
def test_a_task_hears_of_a_refused_xcom_with_what_it_says_next(
    agent: AgentProcess, gateway, works, task_id: str
) -> None:
    """It was acknowledged before anybody could refuse it: the next push raises, as the first would in Airflow.

    What is still on its way when the task fails cannot keep its failure from being told.
    """
    gateway.invalid.add("xcom_set")
    try:
        work, state = run(gateway, works, task_id)
    finally:
        gateway.invalid.clear()
    assert state["state"] == "failed"
    assert "died" not in state, "it ended by its own exception"
    gateway.until_logged(work, "told of it")
