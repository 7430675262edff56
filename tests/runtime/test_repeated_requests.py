"""The agent's calls of the Execution API: an answer that is lost is asked for again, under the same name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import aiohttp
import pytest
from aiohttp import web

from aerodrome_runtime.agent.sdk import client as clients
from aerodrome_runtime.agent.sdk.client import ApiRefused, ApiUnreachable, ExecutionClient, Token

Seen = list[tuple[str, str | None]]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "WAIT_MIN_SECONDS", 0.01)
    monkeypatch.setattr(clients, "TIMEOUT_SECONDS", 0.5)


def _called(
    statuses: list[int], calls: Callable[[ExecutionClient], Coroutine[object, object, object]]
) -> Seen:
    """(method, key) of each request that arrived. Status 0: the answer comes too late."""
    left, seen = iter(statuses), []

    async def answered(request: web.Request) -> web.Response:
        seen.append((request.method, request.headers.get("idempotency-key")))
        status = next(left)
        if not status:
            await asyncio.sleep(5)
        return web.json_response({}, status=status or 204)

    async def over() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answered)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            async with aiohttp.ClientSession() as http:
                await calls(
                    ExecutionClient(
                        http=http, base_url=f"http://127.0.0.1:{port}", token=Token("t"), agent="test"
                    )
                )
        finally:
            await runner.cleanup()

    asyncio.run(over())
    return seen


@pytest.mark.parametrize("lost", [0, 500, 503])
def test_a_post_that_is_repeated_keeps_its_name(lost: int) -> None:
    async def calls(client: ExecutionClient) -> None:
        await client.post("dag-runs/d/r", {})
        await client.post("dag-runs/d/r", {})

    (_, first), (_, again), (_, other) = _called([lost, 204, 204], calls)
    assert first == again
    assert first not in (None, other), "another request has another name"


def test_what_changes_nothing_more_when_repeated_needs_no_name() -> None:
    async def calls(client: ExecutionClient) -> None:
        await client.get("x")
        await client.put("x", {})
        await client.delete("x")

    assert _called([200] * 3, calls) == [("GET", None), ("PUT", None), ("DELETE", None)]


def test_a_refusal_is_not_repeated() -> None:
    async def calls(client: ExecutionClient) -> None:
        with pytest.raises(ApiRefused):
            await client.post("dag-runs/d/r", {})

    assert len(_called([409], calls)) == 1


def test_nobody_there_is_said_after_five_tries() -> None:
    async def calls(client: ExecutionClient) -> None:
        with pytest.raises(ApiUnreachable, match="POST dag-runs/d/r: TimeoutError"):
            await client.post("dag-runs/d/r", {})

    assert len(_called([0] * 5, calls)) == 5
