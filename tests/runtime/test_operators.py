"""The standard provider's operators and sensors in real jailed children: what each ends with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.conftest import DAGS
from tests.runtime.test_mail import agent_with, connection
from tests.support.agent_process import AgentProcess, Works
from tests.support.fake_gateway import FakeGateway
from tests.support.smtp_server import SmtpServer

PATH = "operators.py"


@pytest.fixture(scope="module")
def mailing(
    gateway: FakeGateway, runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    yield from agent_with(gateway, runtime_path, tmp_path_factory, AERODROME_MAIL_RELAY="any")


@pytest.fixture(scope="module")
def works(gateway: FakeGateway) -> Works:
    return Works(gateway, {PATH: (DAGS / PATH).read_text()})


def run(gateway: FakeGateway, works: Works, task_id: str) -> tuple[str, Any, Any]:
    """State, returned value, and what it said of tasks to be skipped."""
    work = works.task(dag_id="operators", task_id=task_id, path=PATH)
    gateway.give(work)
    ended = gateway.finished(work, 120)
    gateway.until_over(work)
    values = [each["value"] for each in gateway.operations(work, "xcom_set") if each["key"] == "return_value"]
    skipped = [each["tasks"] for each in gateway.operations(work, "skip_downstream")]
    return ended["state"], values[0] if values else None, skipped[0] if skipped else None


@pytest.mark.parametrize(
    ("task_id", "state", "value"),
    [
        ("bash", "success", "2026-01-01 told"),
        ("bash_skips", "skipped", None),
        ("bash_fails", "failed", None),
        ("python", "success", 3),
        ("external_python", "success", 3),
        ("virtualenv", "success", 3),
        ("smooth", "success", None),
        ("bash_sensor", "success", None),
        ("python_sensor", "success", None),
        ("file_sensor", "success", None),
        ("date_time_sensor", "success", None),
        ("time_sensor", "success", None),
        ("time_delta_sensor", "success", None),
        ("left", "success", None),
    ],
)
def test_an_operator_runs(
    mailing: AgentProcess, gateway, works, task_id: str, state: str, value: Any
) -> None:
    told = {"conn_id": "fs_default", "conn_type": "fs", "host": None, "schema": None, "login": None}
    gateway.answers["GET", "connections/fs_default"] = (
        200,
        {**told, "password": None, "port": None, "extra": None},
    )
    assert run(gateway, works, task_id)[:2] == (state, value)


@pytest.mark.parametrize(
    ("task_id", "skipped"),
    [
        ("branch", ["right"]),
        ("branch_external", ["right"]),
        ("branch_time", ["right"]),
        ("branch_day", ["right"]),
        ("short_circuit", ["left"]),
    ],
)
def test_a_branch_says_what_is_skipped(
    mailing: AgentProcess, gateway, works, task_id: str, skipped: list[str]
) -> None:
    state, _, told = run(gateway, works, task_id)
    assert (state, [each[0] if isinstance(each, list) else each for each in told]) == ("success", skipped)


def test_latest_only_lets_a_manual_run_go_on(mailing: AgentProcess, gateway, works) -> None:
    state, _, skipped = run(gateway, works, "latest_only")
    assert (state, skipped) == ("success", None)


def test_an_email_is_sent(mailing: AgentProcess, gateway, works) -> None:
    with SmtpServer() as smtp:
        gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
        assert run(gateway, works, "email")[0] == "success"
        [mail] = smtp.mails
    assert mail.recipients == ["a@example.com"]
    assert mail.message["Subject"] == "2026-01-01"


def test_a_hook_finds_its_connection(mailing: AgentProcess, gateway, works) -> None:
    told = {"conn_id": "told", "conn_type": "http", "host": "example.com", "schema": None, "login": None}
    gateway.answers["GET", "connections/told"] = (
        200,
        {**told, "password": None, "port": None, "extra": None},
    )
    assert run(gateway, works, "hook")[1] == "example.com"
