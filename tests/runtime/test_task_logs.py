"""A task's log: Airflow's lines, in order, while it runs; masked, capped, complete."""

from __future__ import annotations

import pytest

from taskwire.workload import Limits
from tests.support.agent_process import AgentProcess
from tests.support.fake_gateway import FakeGateway


def test_lines_in_order_with_their_loggers(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="speaks", path="tried.py")
    gateway.give(work)
    gateway.finished(work)
    gateway.until_logged(work, "::group::Post Execute")
    gateway.until_logged(work, "to stderr")
    events = gateway.log_events(work)
    printed = [event["event"] for event in events if str(event["event"]).startswith("line ")]
    assert printed == [f"line {number}" for number in range(50)]
    by_text = {str(event["event"]): event for event in events}
    assert by_text["line 3"]["logger"] == "task.stdout" and by_text["line 3"]["level"] == "info"
    assert by_text["to stderr"]["logger"] == "task.stderr" and by_text["to stderr"]["level"] == "error"
    assert by_text["logged properly"]["logger"] == "my.logger"
    assert by_text["printed while the file loads"]["logger"] == "task.stdout"
    assert all(event["timestamp"].endswith("Z") for event in events)


def test_lines_arrive_while_the_task_runs(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="speaks_slowly", path="tried.py")
    gateway.give(work)
    gateway.until_logged(work, "first words")
    assert (work.id, 1) not in gateway.told or gateway.told[work.id, 1].state is None
    gateway.stop.append((work.id, 1, "seen enough"))
    gateway.finished(work)
    gateway.stop.clear()


def test_secrets_are_masked_in_raw_output_too(agent: AgentProcess, gateway, works) -> None:
    work = works.task(
        dag_id="tried", task_id="tells_a_secret", path="tried.py", secrets_to_mask=["s3cr3t-from-plane"]
    )
    gateway.give(work)
    gateway.finished(work)
    gateway.until_logged(work, "given ahead: ***")
    gateway.until_logged(work, "again ***")
    gateway.until_logged(work, "the password is ***")
    data = bytes(gateway.logs[work.task.log_key])
    assert b"hunter2" not in data and b"s3cr3t" not in data


def test_without_masking_the_same_words_are_there(agent: AgentProcess, gateway, works) -> None:
    """Negative control: it is the mask that hides the second secret, not a lost line."""
    work = works.task(dag_id="tried", task_id="tells_a_secret", path="tried.py")
    gateway.give(work)
    gateway.finished(work)
    gateway.until_logged(work, "given ahead: s3cr3t-from-plane")


def test_a_log_is_cut_once_at_its_cap(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="floods", path="tried.py", limits=Limits(log_bytes=200_000))
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    gateway.until_logged(work, "Log cut")
    assert len(gateway.logs[work.task.log_key]) < 201_000
    assert sum("Log cut" in str(event["event"]) for event in gateway.log_events(work)) == 1


def test_a_log_that_finds_no_room_ends_and_its_task_goes_on(
    agent: AgentProcess, gateway, works, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = works.task(dag_id="tried", task_id="floods", path="tried.py")
    monkeypatch.setattr(gateway, "full_from", 100_000)
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    stored = gateway.logs[work.task.log_key]
    assert len(stored) < 100_000 and stored.endswith(FakeGateway.NO_ROOM)
    assert stored.count(FakeGateway.NO_ROOM) == 1, "what follows is dropped, not sent again and again"


def test_a_large_log_arrives_whole(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="floods", path="tried.py")
    gateway.give(work)
    gateway.finished(work)
    gateway.until(
        lambda: sum(b"::endgroup::" in line for line in gateway.logs[work.task.log_key].splitlines()) == 2,
        "the end",
    )
    lines = [event for event in gateway.log_events(work) if event["event"] == "x" * 1000]
    assert len(lines) == 3000
