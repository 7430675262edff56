"""Connections are tested by a real agent with Airflow's own hooks, in a jailed child whose network is guarded."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aerodrome_runtime.agent.configuration import BadConfiguration, read_settings
from aerodrome_runtime.agent.connectiontest import mask_of
from taskwire.workload import ConnectionTestWork, Workload
from tests.runtime.jail.conftest import needs_root
from tests.runtime.test_mail import agent_with
from tests.support.agent_process import RUNTIME, TENANT, AgentProcess
from tests.support.fake_gateway import FakeGateway
from tests.support.smtp_server import SmtpServer

PASSWORD = "s3cret-of-the-connection"


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


def connection(host: str, port: int, **changed: Any) -> dict[str, Any]:
    extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0, "timeout": 5}
    return {
        "conn_id": "mail",
        "conn_type": "smtp",
        "host": host,
        "schema": None,
        "login": "robot",
        "password": PASSWORD,
        "port": port,
        "extra": json.dumps({**extra, **changed.pop("extra", {})}),
        **changed,
    }


def ask(gateway: FakeGateway, given: dict[str, Any], seconds: float = 40.0) -> dict[str, Any]:
    work = Workload(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        tenant="acme",
        epoch=1,
        kind="conn_test",
        runtime_digest=RUNTIME,
        connection_test=ConnectionTestWork(connection=given, seconds=seconds),
    )
    gateway.give(work)
    gateway.finished(work)
    [told] = gateway.operations(work, "connection_tested")
    return told


@pytest.fixture(scope="module")
def allowing(
    gateway: FakeGateway, runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    """An agent whose operator allows tests to reach this machine's loopback."""
    yield from agent_with(
        gateway, runtime_path, tmp_path_factory, AERODROME_CONNECTION_TEST_NETWORKS="127.0.0.0/8"
    )


@needs_root
def test_the_hook_says_how_it_went(allowing: AgentProcess, gateway: FakeGateway, smtp: SmtpServer) -> None:
    assert ask(gateway, connection("127.0.0.1", smtp.port)) == {
        "status": True,
        "message": "Connection successfully tested",
    }
    assert ask(gateway, connection("127.0.0.1", 1))["status"] is False
    told = ask(gateway, connection("127.0.0.1", smtp.port, conn_type="nothing-like-it"))
    assert told == {"status": False, "message": 'Unknown hook type "nothing-like-it"'}
    assert PASSWORD not in allowing.output.read_text()


@needs_root
def test_a_server_that_never_answers_costs_its_time_only(
    allowing: AgentProcess, gateway: FakeGateway, smtp: SmtpServer
) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = connection("127.0.0.1", silent.getsockname()[1], extra={"timeout": 60})
        told = ask(gateway, slow, seconds=3.0)
    assert told == {"status": False, "message": "The test did not end in 3 s and was stopped."}


def test_secrets_are_masked_in_every_form() -> None:
    given = connection("h", 1, password="p@ss/word of mine", extra={"api_token": "t0ken-of-mine"})
    mask = mask_of(given)
    for form in (
        "p@ss/word of mine",
        "p%40ss/word%20of%20mine",
        "p%40ss%2Fword%20of%20mine",
        "t0ken-of-mine",
    ):
        assert mask.text(f"smtp://robot:{form}@h failed") == "smtp://robot:***@h failed"
    assert mask.text("timeout") == "timeout"


@pytest.mark.parametrize("given", ["127.0.0.1/8", "everywhere"])
def test_networks_are_read_strictly(given: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t")
    environment = {
        "AERODROME_AGENT_URL": "http://gateway",
        "AERODROME_AGENT_EXECUTION_URL": "http://gateway/execution",
        "AERODROME_AGENT_TOKEN_FILE": str(token),
        "AERODROME_AGENT_DIR": str(tmp_path),
        "AERODROME_CONNECTION_TEST_NETWORKS": given,
    }
    with pytest.raises(BadConfiguration, match="AERODROME_CONNECTION_TEST_NETWORKS"):
        read_settings(environment)
