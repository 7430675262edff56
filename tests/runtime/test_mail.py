"""Mails on failure and retry, through the tenant's SMTP connection, from tasks that have no network of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aerodrome_runtime.agent.mail import Mail, MailRefused, MailRelay, Server, is_public
from taskwire.workload import Workload
from tests.runtime.conftest import DAGS, make_passable
from tests.support.agent_process import AgentProcess, Works
from tests.support.fake_gateway import FakeGateway
from tests.support.smtp_server import SmtpServer

PATH = {"dag_id": "mailed", "path": "mailed.py"}
PLAIN = {"disable_ssl": True, "disable_tls": True}


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def connection(port: int) -> dict[str, Any]:
    """`smtp_default` as the Execution API tells it."""
    return {
        "conn_id": "smtp_default",
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "schema": None,
        "login": "robot",
        "password": "s3cret-of-the-mail",
        "port": port,
        "extra": json.dumps({**PLAIN, "from_email": "aerodrome@example.com"}),
    }


def agent_with(
    gateway: FakeGateway, runtime: Path, factory: pytest.TempPathFactory, **extra: str
) -> Iterator[AgentProcess]:
    directory = factory.mktemp("agent")
    make_passable(directory)
    process = AgentProcess(gateway=gateway, directory=directory, runtime=runtime, slots=2, extra=extra)
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="module")
def relaying(
    gateway: FakeGateway, runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    """An agent that may connect to this machine's own addresses."""
    yield from agent_with(gateway, runtime_path, tmp_path_factory, AERODROME_MAIL_RELAY="any")


@pytest.fixture(scope="module")
def works(gateway: FakeGateway) -> Works:
    return Works(gateway, {"mailed.py": (DAGS / "mailed.py").read_text()})


def live(gateway: FakeGateway, works: Works, task_id: str, **more: Any) -> Workload:
    more.setdefault("base_url", "https://aerodrome.example/t/acme")
    work = works.task(task_id=task_id, **PATH, **more)
    gateway.give(work)
    gateway.finished(work)
    gateway.until_over(work)
    return work


def dead(gateway: FakeGateway, works: Works, task_id: str) -> tuple[Workload, dict[str, Any]]:
    work = works.callback(
        kind="task_failure", task_id=task_id, state="failed", reason="Task killed by SIGKILL.", **PATH
    )
    gateway.give(work)
    gateway.finished(work)
    gateway.until_over(work)
    [done] = gateway.operations(work, "callback_done")
    return work, done


@pytest.mark.parametrize("retries", [False, True])
def test_a_live_tasks_failure_and_retry_are_mailed_once_with_a_link_to_the_log(
    relaying: AgentProcess, gateway, works, smtp: SmtpServer, retries: bool
) -> None:
    gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
    work = live(gateway, works, "fails", should_retry=retries)
    [mail] = smtp.mails
    assert mail.recipients == ["owner@example.com", "second@example.com"]
    assert mail.user == "robot"
    assert "task_id='fails'" in mail.message["Subject"]
    html = mail.html()
    assert "deliberate &lt;failure&gt;" in html
    link = "https://aerodrome.example/t/acme/dags/mailed/runs/manual__1/tasks/fails?try_number=1"
    assert f'Log: <a href="{link}">' in html
    assert "s3cret-of-the-mail" not in str(gateway.log_events(work))


def test_a_dead_tasks_failure_is_mailed_by_its_callback(
    relaying: AgentProcess, gateway, works, smtp: SmtpServer
) -> None:
    gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
    live(gateway, works, "dies_now")
    assert smtp.mails == [], "its process is gone: nobody else may mail"
    work, done = dead(gateway, works, "dies_now")
    assert done == {"state": "success", "message": ""}
    [mail] = smtp.mails
    assert "Task killed by SIGKILL." in mail.html()
    assert "https://aerodrome.example/t/acme/dags/mailed/" in mail.html()
    assert work.callback is not None
    tokens = {token for _, path, _, token, _ in gateway.asked if path == "connections/smtp_default"}
    assert work.callback.token in tokens


def test_who_asked_for_no_mail_gets_none(relaying: AgentProcess, gateway, works, smtp: SmtpServer) -> None:
    gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
    live(gateway, works, "quiet")
    assert smtp.sessions == 0


def test_what_the_server_refuses_is_told_and_tried_once(relaying: AgentProcess, gateway, works) -> None:
    with SmtpServer(refuses="550 no such user") as smtp:
        gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
        _, done = dead(gateway, works, "dies_now")
        assert smtp.sessions == 1
    assert done["state"] == "failed" and "550" in done["message"] and "no such user" in done["message"]


def test_without_a_connection_the_log_says_so(relaying: AgentProcess, gateway, works) -> None:
    gateway.answers.pop(("GET", "connections/smtp_default"), None)
    _, done = dead(gateway, works, "dies_now")
    assert done["state"] == "failed" and "SMTP connection is not found" in done["message"]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"AERODROME_MAIL_RELAY": "public"}, "is no public address"),
        ({"AERODROME_MAIL_RELAY": "off"}, "AERODROME_TASK_NETWORK=none"),
        ({"AERODROME_TASK_NETWORK": "host"}, None),
    ],
)
def test_what_the_operator_allows(
    runtime_path, tmp_path_factory, smtp: SmtpServer, extra: dict[str, str], says: str | None
) -> None:
    with FakeGateway() as gateway:
        works = Works(gateway, {"mailed.py": (DAGS / "mailed.py").read_text()})
        gateway.answers["GET", "connections/smtp_default"] = (200, connection(smtp.port))
        for _ in agent_with(gateway, runtime_path, tmp_path_factory, **extra):
            work = live(gateway, works, "fails")
            assert len(smtp.mails) == (says is None), "with a network of its own the task speaks SMTP itself"
            if says is not None:
                assert says in json.dumps(gateway.log_events(work))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.9", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("no address", False),
    ],
)
def test_which_addresses_are_the_internets_own(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_the_relay_refuses_what_its_policy_forbids_before_it_connects(smtp: SmtpServer) -> None:
    server = Server.of(connection(smtp.port))
    mail = Mail(sender="a@example.com", recipients=["b@example.com"], data=b"Subject: x\r\n\r\nx\r\n")

    async def send(policy: Any, mail: Mail = mail) -> None:
        await MailRelay(policy=policy).send(mail=mail, server=server)

    for policy, says in (("public", "no public address"), ("off", "AERODROME_MAIL_RELAY=off")):
        with pytest.raises(MailRefused, match=says):
            asyncio.run(send(policy))
    with pytest.raises(MailRefused, match="recipients"):
        asyncio.run(send("any", Mail(sender="a", recipients=["b"] * 101, data=b"")))
    assert smtp.sessions == 0
    asyncio.run(send("any"))
    assert [taken.user for taken in smtp.mails] == ["robot"], "the control: nothing else was in the way"


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({}, (465, True, False, True)),
        ({"disable_ssl": True}, (25, False, True, True)),
        ({"disable_ssl": "true", "disable_tls": True}, (25, False, False, True)),
        ({"ssl_context": "none"}, (465, True, False, False)),
    ],
)
def test_a_connection_is_read_as_the_hook_reads_it(extra: dict[str, Any], expected: tuple[Any, ...]) -> None:
    server = Server.of({"host": "mail.example.com", "extra": json.dumps(extra)})
    assert (server.port, server.is_ssl, server.starttls, server.verifies) == expected


def test_a_connection_the_relay_cannot_use_is_refused_with_the_reason() -> None:
    for told, says in (
        ({"host": None}, "names no host"),
        ({"host": "h", "extra": "{"}, "no JSON"),
        ({"host": "h", "extra": '{"auth_type": "oauth2"}'}, "auth_type"),
    ):
        with pytest.raises(MailRefused, match=says):
            Server.of(told)
