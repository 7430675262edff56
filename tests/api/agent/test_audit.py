"""The agents' door in the audit: who appears, and who knocks without the token."""

from __future__ import annotations

import asyncio
from typing import Any

from django.db import connections

from api.agent import refused
from api.agent.gateway import Gateway
from api.agent.work import register
from taskwire.agent import Register
from taskwire.version import WIRE_VERSION
from tests.support.audit_rows import platform_rows


def knock(gateway: Gateway, times: int) -> list[int]:
    statuses: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def all_of_them() -> None:
        scope = {"type": "http", "method": "POST", "path": "/agent/v1/claim", "headers": [],
                 "client": ("192.0.2.9", 1)}  # fmt: skip
        for _ in range(times):
            await gateway(scope, receive, send)
        for _ in range(refused.MOST):  # every thread lets its connections go
            await gateway._on_thread(lambda _: connections.close_all(), None)

    asyncio.run(all_of_them())
    return statuses


def test_a_wrong_token_is_recorded_within_reason(database: None) -> None:
    times = refused.MOST + 3
    assert knock(Gateway(token="right"), times) == [401] * times
    rows = platform_rows(status=401)
    assert len(rows) == refused.MOST
    assert {(row["address"], row["route"], row["actor_kind"]) for row in rows} == {
        ("192.0.2.9", "/agent/v1/claim", "anonymous")
    }


def test_an_agent_that_appears_is_recorded(database: None) -> None:
    register(Register(name="one", wire_version=WIRE_VERSION, slots=2, hostname="host", pid=1))
    (row,) = platform_rows(action="agent.registered")
    assert (row["actor"], row["after"]["slots"]) == ("agent:one", 2)
