"""A control plane in memory: the agent gateway and as much of the Task Execution API as tests ask of it.

Runs in a thread of its own on a free port. Everything it hears is kept and announced: tests wait on `until`,
they never sleep. The rules are the words' (`taskwire.agent`): compare-and-set on (id, epoch), an accepted state
stays, the same report again is accepted again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from taskwire.agent import (
    Beat,
    BeatResult,
    Claim,
    Claimed,
    LogBatch,
    LogResult,
    Operation,
    Register,
    Registered,
    Report,
    ReportBatch,
    ReportResult,
    TriggerBeat,
    Verdict,
)
from taskwire.workload import Workload

MSGPACK = "application/msgpack"


@dataclass
class Told:
    """What an attempt has committed."""

    operations: list[Operation] = field(default_factory=list)
    state: dict[str, Any] | None = None
    at: float = 0.0


class FakeGateway:
    """Use as a context manager."""

    NO_ROOM = b'{"event": "The log ends here"}\n'

    def __init__(self, *, token: str = "agent-token", beat_seconds: float = 0.2) -> None:
        self.token = token
        self.beat_seconds = beat_seconds
        self.news = threading.Condition()
        self.registered: list[Register] = []
        self.beats: list[Beat] = []
        self.trigger_beats: list[TriggerBeat] = []
        self.queue: list[Workload] = []
        self.known: dict[str, Workload] = {}
        self.told: dict[tuple[str, int], Told] = {}
        self.report_batches: list[int] = []
        self.logs: dict[str, bytearray] = {}
        self.full_from: int | None = None
        """A log that would grow beyond so many bytes ends with NO_ROOM, as where the tenant may keep no more."""
        self.bundles: dict[str, bytes] = {}
        self.bundle_fetches = 0
        self.stop: list[tuple[str, int, str]] = []
        self.down: set[str] = set()
        """Paths that answer 503: register, claim, report, beat, logs."""
        self.forgotten = False
        self.asked: list[tuple[str, str, dict[str, Any], str, Any]] = []
        """Execution API: method, path, query, bearer token, body."""
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        """(method, path) -> (status, JSON)."""
        self.invalid: set[str] = set()
        self.refused_late: dict[str, bytes] = {}
        """Key of an XCom that is refused, but not before the attempt's log holds these words."""
        """Kinds of operation that a report is refused for."""
        self.cleared: dict[str, str] = {}
        """Attempts that somebody stopped, and why: what they report is refused as superseded."""
        self.refused: list[Report] = []
        """What cleared attempts reported nevertheless."""
        self.revoked: set[str] = set()
        """Tokens of attempts that the Execution API refuses."""
        self.url = ""
        self._agent_epoch = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._work = None
        self._end: asyncio.Event | None = None

    def __enter__(self) -> FakeGateway:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(20), "the fake gateway did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._end is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(20)

    def until(self, true: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """Wait until `true()` holds; it is looked at whenever the gateway hears something."""
        end = time.monotonic() + seconds
        with self.news:
            while not (value := true()):
                left = end - time.monotonic()
                assert left > 0, f"waited {seconds:.0f} s in vain for: {what}"
                self.news.wait(min(left, 0.5))
            return value

    def give(self, *works: Workload) -> None:
        """Queue workloads for the next claims."""
        assert self._loop is not None

        def put() -> None:
            for work in works:
                self.known[work.id] = work
                self.queue.append(work)
            self._wake()

        self._loop.call_soon_threadsafe(put)

    def finished(self, work: Workload, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for the state of an attempt and return its body."""
        key = (work.id, work.epoch)
        self.until(lambda: key in self.told and self.told[key].state, f"a state of {key}", seconds)
        state = self.told[key].state
        assert state is not None
        return state

    def until_over(self, work: Workload, seconds: float = 60.0) -> None:
        """Wait until the agent no longer holds the attempt: told by a beat that began after now."""
        begun = len(self.beats)

        def over() -> bool:
            held = {id for beat in self.beats[-1:] for _, id, _ in beat.running}
            return len(self.beats) > begun + 1 and work.id not in held

        self.until(over, f"the end of {work.id}", seconds)

    def operations(self, work: Workload, kind: str) -> list[dict[str, Any]]:
        told = self.told.get((work.id, work.epoch), Told())
        return [operation.body for operation in told.operations if operation.kind == kind]

    def log_events(self, work: Workload) -> list[dict[str, Any]]:
        """The complete lines of an attempt's log, decoded."""
        data = bytes(self.logs.get(_log_key(work), b""))
        return [msgspec.json.decode(line) for line in data.splitlines() if line]

    def until_logged(self, work: Workload, text: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait for a line whose event holds `text`."""

        def look() -> dict[str, Any] | None:
            with_newline = [e for e in self._whole_lines(work) if text in str(e.get("event"))]
            return with_newline[0] if with_newline else None

        found: dict[str, Any] = self.until(look, f"{text!r} in the log", seconds)
        return found

    def _whole_lines(self, work: Workload) -> list[dict[str, Any]]:
        data = bytes(self.logs.get(_log_key(work), b""))
        return [msgspec.json.decode(line) for line in data[: data.rfind(b"\n") + 1].splitlines() if line]

    async def _serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self._waiters: list[asyncio.Event] = []
        app = web.Application(client_max_size=256 * 1024 * 1024)
        for name in ("register", "claim", "report", "beat", "triggers", "logs"):
            app.router.add_post(f"/agent/v1/{name}", self._door(name))
        app.router.add_get("/agent/v1/bundles/{digest}", self._bundle)
        app.router.add_route("*", "/execution/{path:.*}", self._execution)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await self._end.wait()
        self._wake()
        await runner.cleanup()

    def _wake(self) -> None:
        for waiter in self._waiters:
            waiter.set()

    def _door(self, name: str) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            if request.headers.get("authorization") != f"Bearer {self.token}":
                return web.Response(status=401, text="no such agent token")
            data = await request.read()
            if name in self.down:
                return web.Response(status=503, text="down for a test")
            if self.forgotten and name != "register":
                return web.Response(status=410, text="unknown agent")
            answer = await getattr(self, f"_{name}")(data)
            with self.news:
                self.news.notify_all()
            return web.Response(body=msgspec.msgpack.encode(answer), content_type=MSGPACK)

        return handle

    async def _register(self, data: bytes) -> Registered:
        self.registered.append(msgspec.msgpack.decode(data, type=Register))
        self.forgotten = False
        self._agent_epoch += 1
        return Registered(
            agent_id="a1", epoch=self._agent_epoch, lease_seconds=30.0, beat_seconds=self.beat_seconds
        )

    async def _claim(self, data: bytes) -> Claimed:
        claim = msgspec.msgpack.decode(data, type=Claim)
        waiter = asyncio.Event()
        self._waiters.append(waiter)
        try:
            end = time.monotonic() + claim.wait_seconds
            while True:
                given = self._take(claim)
                left = end - time.monotonic()
                if given or left <= 0 or (self._end and self._end.is_set()):
                    return Claimed(workloads=given)
                waiter.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await waiter.wait()
        finally:
            self._waiters.remove(waiter)

    def _take(self, claim: Claim) -> list[Workload]:
        credits = {"task": claim.slots, "other": claim.parse_slots, "callback": claim.callback_slots}
        credits["trigger"] = claim.trigger_slots
        given, kept = [], []
        for work in self.queue:
            sort = {"conn_test": "callback"}.get(work.kind, work.kind)
            sort = sort if sort in credits else "other"
            if credits[sort] > 0:
                credits[sort] -= 1
                given.append(work)
            else:
                kept.append(work)
        self.queue = kept
        return given

    async def _report(self, data: bytes) -> ReportResult:
        batch = msgspec.msgpack.decode(data, type=ReportBatch)
        self.report_batches.append(len(batch.reports))
        for report in batch.reports:
            if words := self._refused_late(report):
                while words not in self.logs.get(_log_key(self.known[report.id]), b""):
                    await asyncio.sleep(0.02)
        return ReportResult(verdicts=[self._judge(report) for report in batch.reports])

    def _refused_late(self, report: Any) -> bytes:
        keys = [op.body["key"] for op in report.operations if op.kind == "xcom_set"]
        return next((self.refused_late[key] for key in keys if key in self.refused_late), b"")

    def _judge(self, report: Any) -> Verdict:
        def refuse(reason: str, stored: str | None = None) -> Verdict:
            return Verdict(
                id=report.id,
                epoch=report.epoch,
                verdict="refused",
                reason=reason,
                stored=stored,
                message="fake",
            )

        known = self.known.get(report.id)
        if known is None:
            return refuse("unknown")
        if report.epoch != known.epoch:
            return refuse("superseded")
        if why := self.cleared.get(report.id):
            self.refused.append(report)
            return msgspec.structs.replace(refuse("superseded"), message=why)
        told = self.told.setdefault((report.id, report.epoch), Told())
        state = next((op.body for op in report.operations if op.kind == "state"), None)
        if told.state is not None:
            if state == told.state:
                return Verdict(id=report.id, epoch=report.epoch, verdict="accepted")
            if state is None and {op.kind for op in report.operations} <= {"xcom_set", "rendered_fields"}:
                told.operations.extend(report.operations)  # as the control plane: links come after the state
                return Verdict(id=report.id, epoch=report.epoch, verdict="accepted")
            return refuse("finished", told.state.get("state"))
        if any(op.kind in self.invalid for op in report.operations) or self._refused_late(report):
            return refuse("invalid")
        told.operations.extend(report.operations)
        ended = {"parsed", "built", "timetabled", "handed_back", "callback_done", "connection_tested"}
        if known.trigger is None or known.trigger.ti is not None:
            ended |= {"trigger_event", "trigger_failed", "trigger_released"}
        if state is None and any(op.kind in ended for op in report.operations):
            state = {"state": report.operations[-1].kind}
        if state is not None:
            told.state = state
            told.at = time.monotonic()
        return Verdict(id=report.id, epoch=report.epoch, verdict="accepted")

    async def _beat(self, data: bytes) -> BeatResult:
        self.beats.append(msgspec.msgpack.decode(data, type=Beat))
        return BeatResult(stop=list(self.stop))

    async def _triggers(self, data: bytes) -> BeatResult:
        self.trigger_beats.append(msgspec.msgpack.decode(data, type=TriggerBeat))
        return BeatResult(stop=list(self.stop))

    async def _logs(self, data: bytes) -> LogResult:
        batch = msgspec.msgpack.decode(data, type=LogBatch)
        full = []
        for segment in batch.segments:
            stored = self.logs.setdefault(segment.key, bytearray())
            if self.full_from is not None and segment.offset + len(segment.data) > self.full_from:
                stored += self.NO_ROOM
                full.append(segment.key)
                continue
            if segment.offset <= len(stored) < segment.offset + len(segment.data):
                stored += segment.data[len(stored) - segment.offset :]
        return LogResult(
            stored={segment.key: len(self.logs[segment.key]) for segment in batch.segments}, full=full
        )

    async def _bundle(self, request: web.Request) -> web.Response:
        self.bundle_fetches += 1
        data = self.bundles.get(request.match_info["digest"])
        return (
            web.Response(status=404)
            if data is None
            else web.Response(body=data, content_type="application/x-tar")
        )

    async def _execution(self, request: web.Request) -> web.Response:
        path = request.match_info["path"]
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        body = await request.read()
        asked = msgspec.json.decode(body) if body else None
        self.asked.append((request.method, path, dict(request.query), token, asked))
        with self.news:
            self.news.notify_all()
        if token in self.revoked or token not in {
            order.token
            for work in self.known.values()
            if (order := work.task or work.callback or work.trigger)
        }:
            return web.json_response({"detail": "Invalid token"}, status=403)
        if (
            path.startswith("xcoms/")
            and request.method == "GET"
            and (request.method, path) not in self.answers
        ):
            return self._xcom(path, request)
        status, answer = self.answers.get((request.method, path), (404, {"detail": {"reason": "not_found"}}))
        return web.json_response(answer, status=status)

    def _xcom(self, path: str, request: web.Request) -> web.Response:
        dag_id, run_id, task_id, key = path.split("/")[1:5]
        for told in self.told.values():
            for operation in told.operations:
                body = operation.body
                wanted = (dag_id, run_id, task_id, key)
                if operation.kind == "xcom_set" and wanted == tuple(
                    body[name] for name in ("dag_id", "run_id", "task_id", "key")
                ):
                    return web.json_response({"key": key, "value": body["value"]})
        return web.json_response({"detail": {"reason": "not_found"}}, status=404)


def _log_key(work: Workload) -> str:
    order = work.task or work.callback or work.trigger
    assert order is not None
    return order.log_key
