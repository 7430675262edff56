"""What a task finds around itself: no token, no descriptor, no variable, no process of ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.agent_process import AgentProcess
from tests.support.processes import processes_named

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the full jail needs root")


@pytest.fixture(scope="module")
def seen(agent: AgentProcess, gateway, works) -> dict:
    work = works.task(dag_id="tried", task_id="looks_around", path="tried.py")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    return gateway.operations(work, "xcom_set")[0]["value"]


def test_exactly_four_descriptors(seen) -> None:
    """Requests, stdout, stderr, logs."""
    assert seen["fds"] == {"0": "socket", "1": "pipe", "2": "pipe", "3": "pipe"}


def test_no_token_and_nothing_of_the_agents_environment(seen) -> None:
    everything = str(seen["environ"]) + seen["environ_file"]
    for word in ("token-of-", "agent-token", "must-not-be-seen", "AERODROME_AGENT"):
        assert word not in everything
    assert seen["environ"]["HOME"] == seen["home"]


def test_a_uid_of_its_own_and_nobody_elses_processes(seen) -> None:
    assert seen["uid"] not in (0, os.getuid())
    assert len(seen["pids"]) <= 3


def test_two_attempts_have_two_uids(agent: AgentProcess, gateway, works, seen) -> None:
    work = works.task(dag_id="tried", task_id="looks_around", path="tried.py")
    gateway.give(work)
    gateway.finished(work)
    assert gateway.operations(work, "xcom_set")[0]["value"]["uid"] != seen["uid"]


def test_a_daemon_does_not_outlive_its_attempt(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="leaves_a_daemon", path="tried.py")
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success"
    gateway.until_over(work)
    assert processes_named(b"sleep\x00987") == []


def test_homes_are_removed(agent: AgentProcess, gateway, works) -> None:
    work = works.task(dag_id="tried", task_id="noop", path="tried.py")
    gateway.give(work)
    gateway.finished(work)
    gateway.until_over(work)
    attempts = list(Path(agent.directory, "homes").glob("z*/a*"))
    assert len(attempts) <= 5, "only idle spares have homes"
