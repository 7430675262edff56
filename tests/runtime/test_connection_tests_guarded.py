"""An agent as it is by default: a test of a connection reaches nothing internal, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.jail.conftest import needs_root
from tests.runtime.test_connection_tests import ask, connection
from tests.runtime.test_mail import agent_with
from tests.support.agent_process import AgentProcess
from tests.support.fake_gateway import FakeGateway
from tests.support.smtp_server import SmtpServer


@pytest.fixture(scope="module")
def strict(
    gateway: FakeGateway, runtime_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    yield from agent_with(gateway, runtime_path, tmp_path_factory)


@needs_root
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "169.254.169.254", "::1"])
def test_internal_hosts_are_refused(strict: AgentProcess, gateway: FakeGateway, host: str) -> None:
    with SmtpServer() as smtp:
        told = ask(gateway, connection(host, smtp.port))
        assert smtp.mails == []
    assert told["status"] is False
    assert "is no public address" in told["message"]
    assert "AERODROME_CONNECTION_TEST_NETWORKS" in told["message"]
