"""The agents' door: a lean ASGI application, msgpack in and out, database work on a few threads.

Claims wait here: a notification on `workload` wakes all that wait. Nothing is answered before its commit.
Run by `manage.py gateway` on a Unix socket (and a port, for agents elsewhere).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import select
import threading
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, connections

from api.agent import triggers, work
from api.agent.refused import Refusals, record_refused
from controlplane.bundles.artefact import open_artefact
from controlplane.executors.agents import AgentGone, WireVersionUnsupported
from controlplane.executors.local import CHANNEL
from controlplane.foundation.db import ORDERS, TRIGGERS, is_collision, listening
from taskwire import agent as words

log = structlog.get_logger("gateway")

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

THREADS = 4
COLLISIONS = 5
LOOK_SECONDS = 5.0
"""A claim asks the database at least so often: a notification may be lost, and so may the agent's own place."""
MAX_BODY = 64 * 1024 * 1024

CALLS: dict[str, tuple[type, Callable[[Any], Any]]] = {
    "/agent/v1/register": (words.Register, work.register),
    "/agent/v1/report": (words.ReportBatch, work.report_batch),
    "/agent/v1/beat": (words.Beat, work.beat),
    "/agent/v1/triggers": (words.TriggerBeat, triggers.beat_triggers),
    "/agent/v1/logs": (words.LogBatch, work.store_logs),
}


SORTS = (CHANNEL, ORDERS, TRIGGERS, "both")
"""What a claim waits for: tasks, work of other stations, either of these, or triggers."""


class Gateway:
    """The ASGI application. `token` is what agents must present."""

    def __init__(self, *, token: str) -> None:
        self._authorization = f"Bearer {token}".encode()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")
        self._decoders = {kind: msgspec.msgpack.Decoder(kind) for kind, _ in CALLS.values()}
        self._claim = msgspec.msgpack.Decoder(words.Claim)
        self._encode = msgspec.msgpack.Encoder().encode
        self._news = {sort: asyncio.Event() for sort in SORTS}
        self._heard = dict.fromkeys(SORTS, 0)
        self._dry: dict[tuple[str, int, str], int] = {}
        """How much had been heard when an agent's claim of this sort left nothing behind."""
        self._listener: threading.Thread | None = None
        self._refusals = Refusals()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path: str = scope["path"]
        if path == "/healthz":
            await _answer(send, 200, b"ok", b"text/plain")
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given, self._authorization):
            if self._refusals.has_room():
                await self._on_thread(record_refused, scope)
            await _problem(send, 401, "agent-token", "The agent token is missing or wrong.")
            return
        try:
            if path.startswith("/agent/v1/bundles/") and scope["method"] == "GET":
                await self._send_bundle(path.rsplit("/", 1)[1], send)
                return
            body = await _body(receive)
            if path == "/agent/v1/claim":
                answer: Any = await self._wait_for_work(self._claim.decode(body))
            elif path in CALLS:
                kind, call = CALLS[path]
                answer = await self._on_thread(call, self._decoders[kind].decode(body))
            else:
                await _problem(send, 404, "not-found", f"There is no {path} here.")
                return
        except AgentGone as error:
            await _problem(send, 410, "agent-gone", str(error))
        except WireVersionUnsupported as error:
            await _problem(send, 426, "wire-version", str(error))
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            await _problem(send, 422, "body-invalid", f"The body could not be read: {error}")
        except PermissionError as error:
            await _problem(send, 403, "forbidden", str(error))
        except (DatabaseError, InterfaceError) as error:
            log.warning("gateway.database", path=path, error=str(error).strip())
            await _problem(send, 503, "database", "The database is away for a moment: try again.")
        else:
            await _answer(send, 200, self._encode(answer), b"application/msgpack")

    async def _wait_for_work(self, message: words.Claim) -> words.Claimed:
        """Asks the database when there may be something: at news, where the last claim left some, each 5 s."""
        deadline = asyncio.get_running_loop().time() + min(message.wait_seconds, 60.0)
        orders = message.parse_slots + message.callback_slots
        sort = "both" if message.slots and orders else CHANNEL if message.slots else ORDERS
        if message.trigger_slots:
            sort = TRIGGERS
        # Parses and callbacks are asked for by loops of their own: one that came back empty says nothing of the other.
        mine = (
            message.agent_id,
            message.epoch,
            f"{sort} {bool(message.parse_slots)} {bool(message.callback_slots)}",
        )
        room = message.slots + orders + min(message.trigger_slots, work.MOST_TRIGGERS)
        while True:
            news, heard = self._news[sort], self._heard[sort]
            left = deadline - asyncio.get_running_loop().time()
            if self._dry.get(mine) != heard or left <= 0:
                answer: words.Claimed = await self._on_thread(work.claim, message)
                if len(answer.workloads) < room:
                    self._dry[mine] = heard
                if answer.workloads or left <= 0:
                    return answer
            try:
                await asyncio.wait_for(news.wait(), min(left, LOOK_SECONDS))
            except TimeoutError:
                self._dry.pop(mine, None)

    async def _on_thread(self, call: Callable[[Any], Any], message: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _once_more, call, message)

    async def _send_bundle(self, digest: str, send: Send) -> None:
        try:
            data = await asyncio.to_thread(_read_artefact, digest)
        except FileNotFoundError:
            await _problem(send, 404, "bundle-unknown", f"There is no bundle {digest}.")
            return
        await _answer(send, 200, data, b"application/x-tar")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                loop = asyncio.get_running_loop()
                self._listener = threading.Thread(target=self._listen, args=(loop,), daemon=True)
                self._listener.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """On a thread of its own: a notification wakes the waiting claims of its sort."""
        while True:
            try:
                with listening(CHANNEL, ORDERS, TRIGGERS, using="scheduler") as link:
                    # What was committed before this connection listened is news too.
                    loop.call_soon_threadsafe(self._wake)
                    while True:
                        select.select([link.fileno()], [], [], 30.0)
                        link.poll()
                        if link.notifies:
                            channels = {notice.channel for notice in link.notifies}
                            link.notifies.clear()
                            loop.call_soon_threadsafe(self._wake, channels)
            except (DatabaseError, InterfaceError, OSError):
                loop.call_soon_threadsafe(self._wake)
                threading.Event().wait(0.5)

    def _wake(self, channels: Collection[str] = SORTS) -> None:
        for sort in {*channels, "both"}:
            self._heard[sort] += 1
            self._news[sort].set()
            self._news[sort] = asyncio.Event()


def _once_more(call: Callable[[Any], Any], message: Any) -> Any:
    """Every call is idempotent: one whose connection broke is made again on a new one, and one that met another
    transaction (a deadlock) a few times."""
    broke, collided = False, 0
    while True:
        try:
            return call(message)
        except (DatabaseError, InterfaceError) as error:
            if is_collision(error) and collided < COLLISIONS:
                collided += 1
                log.info("gateway.collision", error=str(error).strip())
            elif not broke and _connection_broke(error):
                broke = True
                for alias in connections:
                    connections[alias].close()
            else:
                raise


def _connection_broke(error: Exception) -> bool:
    return any(
        connections[alias].connection is not None and not connections[alias].is_usable()
        for alias in connections
    )


def _read_artefact(digest: str) -> bytes:
    with open_artefact(digest) as file:
        return file.read()


async def _body(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ValueError("the agent hung up")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise ValueError(
                f"it is larger than {MAX_BODY} bytes. Of an XCom: write the data to object storage or a table, "
                "and push where it is"
            )
        more = message.get("more_body", False)
    return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes, kind: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _problem(send: Send, status: int, code: str, detail: str) -> None:
    body = json.dumps(
        {"type": f"urn:aerodrome:problem:{code}", "status": status, "title": code, "detail": detail}
    )
    await _answer(send, status, body.encode(), b"application/problem+json")
