"""Kill what can be killed, cut what can be cut: nothing is lost, nothing is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.conftest import make_passable
from tests.support.agent_process import AgentProcess, Works
from tests.support.fake_gateway import FakeGateway
from tests.support.processes import alive, descendants, processes_named


@pytest.fixture
def own_gateway() -> Iterator[FakeGateway]:
    with FakeGateway() as fake:
        yield fake


@pytest.fixture
def own_works(own_gateway: FakeGateway) -> Works:
    dags = Path(__file__).parent / "dags"
    return Works(own_gateway, {path.name: path.read_text() for path in dags.glob("*.py")})


@pytest.fixture
def start(
    own_gateway: FakeGateway, runtime_path: Path, tmp_path: Path
) -> Iterator[Callable[[], AgentProcess]]:
    make_passable(tmp_path)
    started: list[AgentProcess] = []

    def start_agent() -> AgentProcess:
        agent = AgentProcess(gateway=own_gateway, directory=tmp_path / "agent", runtime=runtime_path, slots=2)
        started.append(agent)
        return agent

    yield start_agent
    for agent in started:
        if agent.process.poll() is None:
            agent.kill()


def gone(pids: list[int], seconds: float = 10.0) -> bool:
    """Poll the kernel, the only one who can say it, until none of the processes lives."""
    end = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        os.sched_yield()
    return True


def _holds_outcome(spooled: bytes, id: str) -> bool:
    after = spooled.rpartition(id.encode())[2]
    return id.encode() in spooled and b"success" in after


def test_a_killed_agent_leaves_no_process(start, own_gateway: FakeGateway, own_works: Works) -> None:
    agent = start()
    work = own_works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    own_gateway.give(work)
    own_gateway.until_logged(work, "sleeping now")
    below = descendants(agent.process.pid)
    assert len(below) >= 2, "a zygote and a task"
    agent.kill()
    assert gone(below), [pid for pid in below if alive(pid)]


def test_a_killed_zygote_fails_its_task_and_the_next_one_runs(start, own_gateway, own_works) -> None:
    agent = start()
    work = own_works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    own_gateway.give(work)
    own_gateway.until_logged(work, "sleeping now")
    below = descendants(agent.process.pid)
    os.kill(below[0], signal.SIGKILL)
    state = own_gateway.finished(work)
    assert state["state"] == "failed"
    assert state["died"]["reason"] == "zygote"
    assert gone(below)
    after = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(after)
    assert own_gateway.finished(after)["state"] == "success"
    assert agent.stop() == 0


def test_a_killed_dag_zygote_fails_its_task_and_the_next_one_runs(start, own_gateway, own_works) -> None:
    agent = start()
    work = own_works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    own_gateway.give(work)
    own_gateway.until_logged(work, "sleeping now")
    below = [
        pid for pid in processes_named(b"aerodrome-zygote acme") if pid in descendants(agent.process.pid)
    ]
    if not below:
        pytest.skip("no DAG zygotes without the full jail")
    os.kill(below[0], signal.SIGKILL)
    state = own_gateway.finished(work)
    assert state["died"]["reason"] == "zygote"
    after = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(after)
    assert own_gateway.finished(after)["state"] == "success"
    assert agent.stop() == 0


def test_a_result_waits_for_a_gateway_that_is_down(start, own_gateway, own_works) -> None:
    agent = start()
    first = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(first)
    own_gateway.finished(first)
    own_gateway.down.add("report")
    work = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(work)
    spool = agent.directory / "spool" / "reports"
    own_gateway.until(lambda: spool.stat().st_size > 0, "the report to be in the spool")
    assert (work.id, 1) not in own_gateway.told
    own_gateway.down.clear()
    assert own_gateway.finished(work)["state"] == "success"
    own_gateway.until(lambda: spool.stat().st_size == 0, "the spool to be empty")
    assert agent.stop() == 0


def test_a_result_survives_the_agents_death(start, own_gateway, own_works) -> None:
    agent = start()
    first = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(first)
    own_gateway.finished(first)
    own_gateway.down.add("report")
    work = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(work)
    spool = agent.directory / "spool" / "reports"
    own_gateway.until(lambda: _holds_outcome(spool.read_bytes(), work.id), "the outcome to be in the spool")
    agent.kill()
    own_gateway.down.clear()
    again = start()
    assert own_gateway.finished(work)["state"] == "success"
    assert again.stop() == 0


def test_a_forgotten_agent_registers_again_and_goes_on(start, own_gateway, own_works) -> None:
    agent = start()
    own_gateway.until(lambda: own_gateway.registered, "the first registration")
    own_gateway.forgotten = True
    own_gateway.until(lambda: len(own_gateway.registered) == 2, "another registration")
    work = own_works.task(dag_id="tried", task_id="noop", path="tried.py")
    own_gateway.give(work)
    assert own_gateway.finished(work)["state"] == "success"
    assert agent.stop() == 0


def test_an_agent_that_ends_in_order_tells_what_it_stopped(start, own_gateway, own_works) -> None:
    agent = start()
    work = own_works.task(dag_id="tried", task_id="sleeps", path="tried.py")
    own_gateway.give(work)
    own_gateway.until_logged(work, "sleeping now")
    below = descendants(agent.process.pid)
    assert agent.stop() == 0
    assert own_gateway.finished(work)["died"]["reason"] == "stopped"
    assert gone(below)
