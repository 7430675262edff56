"""A whole stack: a connection is tested from Airflow's API by a real agent, which reaches what the operator allows only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.smtp_server import SmtpServer
from tests.support.stack import Stack, started_stack
from tests.support.stack_tenant import StackTenant

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="guarding a network needs root")
DAGS = {
    "dags/one.py": """
        from airflow.sdk import DAG, task

        with DAG("one"):
            @task
            def nothing(): ...
            nothing()
    """
}


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    with started_stack(AERODROME_CONNECTION_TEST_NETWORKS="127.0.0.1/32") as running:
        yield running


def test_the_hook_answers_and_the_guard_holds(own_stack: Stack) -> None:
    tenant: StackTenant = own_stack.sign_up()
    tenant.deploy(DAGS, "one")

    def ask(host: str) -> dict[str, Any]:
        told: dict[str, Any] = tenant.call("POST", "/connections/test", {**body, "host": host})
        return told

    with SmtpServer() as smtp:
        extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0, "timeout": 5}
        body = {
            "connection_id": "mail",
            "conn_type": "smtp",
            "login": "robot",
            "password": "s3cret-of-the-journey",
            "port": smtp.port,
            "extra": json.dumps(extra),
        }
        assert ask("127.0.0.1") == {"status": True, "message": "Connection successfully tested"}
        refused = ask("127.0.0.2")
        assert refused["status"] is False
        assert "127.0.0.2 is no public address" in refused["message"]
        away = ask("169.254.169.254")
        assert "169.254.169.254 is no public address" in away["message"]
        # Stored, and tested with what is stored.
        tenant.call("POST", "/connections", {**body, "host": "127.0.0.1"})
        masked = {"connection_id": "mail", "conn_type": "smtp", "password": "***"}
        told = tenant.call("POST", "/connections/test", masked)
        assert told["status"] is True, told
    for log in own_stack.data.glob("logs/*.log"):
        assert "s3cret-of-the-journey" not in log.read_text(errors="replace"), log
