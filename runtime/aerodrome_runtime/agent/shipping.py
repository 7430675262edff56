"""Logs to storage while tasks run: a batch of segments about every 150 ms, of all logs that have something new.

A log that ends waits for its batch too: a request of its own for every short task is 1.5 ms of processor.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.session import Session
from aerodrome_runtime.agent.tasklog import TaskLog
from taskwire.agent import LogBatch, LogSegment

log = logging.getLogger("aerodrome.agent")
EVERY_SECONDS = 0.15
SEGMENT_BYTES = 512 * 1024
BATCH_BYTES = 4 * 1024 * 1024
FLUSH_SECONDS = 2.0
PATIENCE_SECONDS = 300.0
"""How long the log of an ended attempt is kept for a gateway that refuses it."""


@dataclass
class _Shipped:
    tenant_id: str
    id: str
    epoch: int
    log: TaskLog
    done: asyncio.Event = field(default_factory=asyncio.Event)
    refused_seconds: float = 0.0


class Shipper:
    """Holds every open log; a segment is dropped from memory only when it is stored."""

    def __init__(self, *, session: Session) -> None:
        self._session = session
        self._logs: dict[tuple[str, int], _Shipped] = {}
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._stored = asyncio.Event()

    def open(self, *, tenant_id: str, id: str, epoch: int, task_log: TaskLog) -> None:
        self._logs[id, epoch] = _Shipped(tenant_id, id, epoch, task_log)
        task_log.on_data = self._wake.set
        task_log.flush = lambda: self.flush(id=id, epoch=epoch)
        if task_log.unstored:
            self._wake.set()

    def is_open(self, *, id: str, epoch: int) -> bool:
        return (id, epoch) in self._logs

    async def flush(self, *, id: str, epoch: int) -> None:
        """Wait until what this log holds now is stored, at most FLUSH_SECONDS: somebody else writes behind it next."""
        shipped = self._logs.get((id, epoch))
        if shipped is None:
            return
        upto = shipped.log.offset + len(shipped.log.unstored)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                while shipped.log.offset < upto:
                    self._stored.clear()
                    self._wake.set()
                    self._hurry.set()
                    await self._stored.wait()

    async def stored_size(self, *, tenant_id: str, id: str, epoch: int, key: str) -> int | None:
        """How many bytes of a log are stored by now; None when the gateway does not say."""
        segment = LogSegment(tenant_id=tenant_id, id=id, epoch=epoch, key=key, offset=0, data=b"")
        try:
            result = await self._session.call(
                lambda who: self._session.gateway.logs(
                    LogBatch(agent_id=who.agent_id, epoch=who.epoch, segments=[segment])
                )
            )
        except (GatewayUnreachable, GatewayRefused):
            return None
        return result.stored.get(key)

    def finish(self, *, id: str, epoch: int) -> asyncio.Event:
        """The log is complete: what is left goes with the next batch. The event is set when all is stored."""
        shipped = self._logs[id, epoch]
        shipped.log.closed = True
        self._wake.set()
        return shipped.done

    async def settle(self, *, seconds: float) -> None:
        """Wait until every finished log is stored, at most so long. Called at shutdown, while `run` runs."""
        self._hurry.set()
        events = [shipped.done.wait() for shipped in self._logs.values() if shipped.log.closed]
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*events)

    async def run(self) -> None:
        pause = 0.0
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._hurry.clear()
            batch = self._segments()
            if batch:
                pause = await self._send(batch, pause)
            self._forget()
            if any(shipped.log.unstored for shipped in self._logs.values()):
                self._wake.set()
            if not self._hurry.is_set():
                # Not wait_for: in 3.11 it can swallow a cancellation that comes with the event.
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(EVERY_SECONDS, pause)):
                        await self._hurry.wait()

    def _segments(self) -> list[LogSegment]:
        segments: list[LogSegment] = []
        total = 0
        for shipped in self._logs.values():
            if not shipped.log.unstored or total > BATCH_BYTES:
                continue
            data = bytes(shipped.log.unstored[:SEGMENT_BYTES])
            total += len(data)
            segments.append(
                LogSegment(
                    tenant_id=shipped.tenant_id,
                    id=shipped.id,
                    epoch=shipped.epoch,
                    key=shipped.log.key,
                    offset=shipped.log.offset,
                    data=data,
                )
            )
        return segments

    async def _send(self, segments: list[LogSegment], pause: float) -> float:
        """Send one batch; return how long to wait before the next (0: no trouble)."""
        try:
            result = await self._session.call(
                lambda who: self._session.gateway.logs(
                    LogBatch(agent_id=who.agent_id, epoch=who.epoch, segments=segments)
                )
            )
        except (GatewayUnreachable, GatewayRefused) as error:
            log.warning("cannot store %d log segments: %s", len(segments), error)
            pause = min(max(pause * 2, 0.3), 5.0)
            for segment in segments:
                self._logs[segment.id, segment.epoch].refused_seconds += pause
            return pause
        for segment in segments:
            stored = result.stored.get(segment.key)
            shipped = self._logs.get((segment.id, segment.epoch))
            if shipped is not None and segment.key in result.full:
                shipped.log.end()
                shipped.refused_seconds = 0.0
            elif stored is not None and shipped is not None:
                shipped.log.stored(min(stored, segment.offset + len(segment.data)))
                shipped.refused_seconds = 0.0
        self._stored.set()
        return 0.0

    def _forget(self) -> None:
        for key, shipped in list(self._logs.items()):
            if not shipped.log.closed:
                continue
            if shipped.log.unstored and shipped.refused_seconds < PATIENCE_SECONDS:
                continue
            if shipped.log.unstored:
                log.error(
                    "dropping %d bytes of log %s: never stored", len(shipped.log.unstored), shipped.log.key
                )
            del self._logs[key]
            shipped.done.set()
