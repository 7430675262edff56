"""The triggers that this agent holds: claimed like tasks, run many to a process, told, handed on.

One process per (tenant, runtime, bundle). When it dies, those it ran are split in halves and run apart, until the
one that kills it is alone; after three crashes alone it fails, with the reason. The others only begin again.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from aerodrome_runtime.agent.bundles import BundleCorrupt, Bundles
from aerodrome_runtime.agent.confine import Confinement
from aerodrome_runtime.agent.encode import NotEncodable, encoded
from aerodrome_runtime.agent.gateway import GatewayGone, GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.reporting import Reporter
from aerodrome_runtime.agent.runtimes import PATIENCE_SECONDS, RuntimeMissing, find_runtime
from aerodrome_runtime.agent.sdk.client import ExecutionClient
from aerodrome_runtime.agent.sdk.table import Asking
from aerodrome_runtime.agent.shipping import Shipper
from aerodrome_runtime.agent.tasklog import TaskLog
from aerodrome_runtime.agent.triggerprocess import Held, TriggerProcess
from aerodrome_runtime.agent.unpack import BundleHostile
from aerodrome_runtime.agent.zygotelink import ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Place
from taskwire.agent import Operation
from taskwire.workload import Workload

log = logging.getLogger("aerodrome.agent")
CRASHES = 3
LOG_BYTES = 16 * 1024 * 1024
OPEN_SECONDS = 1.0
"""The task's own last lines come first: its process ends a moment after it deferred."""
KILL_SECONDS = 4.0
"""How long the log of a trigger that a person stopped waits for what its `on_kill` says."""
AGAIN_SECONDS = 2.0
FAILED = "Trigger failure"
"""Airflow's reason of a trigger that failed."""
_LASTING = (RuntimeMissing, BundleCorrupt, BundleHostile, GatewayRefused)
_CANNOT_RUN = (*_LASTING, ZygoteLost, OSError, GatewayGone, GatewayUnreachable)
Where = tuple[str, str, str]
"""(tenant, runtime, bundle): what may share a process."""


class Triggers:
    """`start` what was claimed; `stop` what a beat names; `close` once."""

    def __init__(
        self,
        *,
        bundles: Bundles,
        zygotes: BaseZygotes,
        confinement: Confinement,
        runtimes: Path,
        reporter: Reporter,
        shipper: Shipper,
        client: Callable[[str], ExecutionClient],
        given_back: Callable[[], None],
    ) -> None:
        self._bundles = bundles
        self._zygotes = zygotes
        self._confinement = confinement
        self._runtimes = runtimes
        self._reporter = reporter
        self._shipper = shipper
        self._client = client
        self._given_back = given_back
        self._numbers = itertools.count(1)
        self._held: dict[tuple[str, int], Held] = {}
        self._flocks: dict[Where, list[TriggerProcess]] = {}
        self._flock_of: dict[int, TriggerProcess] = {}
        self._masks: dict[Where, Mask] = {}
        self._missing_since: dict[
            str, float
        ] = {}  # runtime -> when it was looked for first, on the loop's clock
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def start(self, work: Workload) -> bool:
        """Begin one claimed trigger; False when it is held already."""
        if work.trigger is None or (work.id, work.epoch) in self._held:
            return False
        order, place = work.trigger, _place(work)
        mask = self._masks.setdefault(place, Mask([]))
        task_log = None
        if order.log_key:
            task_log = TaskLog(key=order.log_key, mask=mask, cap_bytes=LOG_BYTES, offset=order.log_offset)
        tell = (lambda text: None) if task_log is None else (lambda text: task_log.say(text, level="error"))
        asking = Asking(ti_id=work.id, client=self._client(order.token), mask=mask, tell=tell)
        held = Held(next(self._numbers), work, order, asking, task_log)
        self._held[work.id, work.epoch] = held
        if task_log is not None:
            self._spawn(self._open_log(held, OPEN_SECONDS))
        self._settle(held)
        return True

    def held(self) -> list[tuple[str, str, int]]:
        """(tenant, id, epoch) of each, for the beat."""
        return [(held.work.tenant_id, held.work.id, held.work.epoch) for held in self._held.values()]

    def stop(self, id: str, epoch: int, why: str) -> None:
        """The control plane says that it must not run here any more."""
        held = self._held.get((id, epoch))
        if held is not None and not held.over:
            held.over = True
            kill = why.startswith("gone")
            if held.log is not None and kill:
                held.log.say("The task waits for its trigger no more: the trigger is stopped.")
            self._leave(held, kill=kill)

    def use_token(self, id: str, token: str) -> None:
        for held in self._held.values():
            if held.work.id == id:
                held.asking.client.use_token(token)

    async def close(self) -> None:
        """Hand every trigger to another agent, and end the processes."""
        self._closing = True
        going = [held for held in self._held.values() if not held.over]
        for held in going:
            held.over = True
        for flocks in self._flocks.values():
            for flock in flocks:
                flock.ending = True
        said = [self._submit(held, Operation(kind="trigger_released")) for held in going]
        try:
            async with asyncio.timeout(10):
                await asyncio.gather(*said)
                while pending := [task for task in self._tasks if not task.done()]:
                    await asyncio.wait(pending)
        except TimeoutError:
            log.warning("%d triggers are left to be found missing", len(going))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _new_flock(self, place: Where) -> TriggerProcess:
        flock = TriggerProcess(
            tenant=place[0],
            zygotes=self._zygotes,
            confinement=self._confinement,
            on_event=self._event,
            on_failure=self._failure,
        )
        self._flocks.setdefault(place, []).append(flock)
        self._spawn(self._keep(place, flock))
        return flock

    def _settle(self, held: Held) -> None:
        """Beside others that never ended their process; one that did stays alone."""
        place = _place(held.work)
        calm = [
            flock
            for flock in self._flocks.get(place, [])
            if not flock.ending and not any(m.crashes for m in flock.members.values())
        ]
        self._join(held, calm[0] if calm and not held.crashes else self._new_flock(place))

    def _join(self, held: Held, flock: TriggerProcess) -> None:
        held.told = False
        flock.members[held.number] = held
        self._flock_of[held.number] = flock

    async def _keep(self, place: Where, flock: TriggerProcess) -> None:
        """Run a process for as long as it has triggers."""
        await asyncio.sleep(0)  # its first members come in the same breath
        try:
            why = await self._run(flock)
        except _CANNOT_RUN as error:
            self._remove(place, flock)
            if isinstance(error, _LASTING) and not self._may_come(error, flock):
                for held in _living(flock):
                    self._fail(held, [f"The trigger could not be started: {error}"])
                return
            log.warning("%d triggers cannot be run now: %s", len(flock.members), error)
            await asyncio.sleep(AGAIN_SECONDS)
            if not self._closing:
                self._apart(place, [_living(flock)])
            return
        self._remove(place, flock)
        living = _living(flock)
        if why is None or self._closing or not living:
            if living and not self._closing:
                self._apart(place, [living])
            return
        self._crashed(place, living, why)

    def _may_come(self, error: Exception, flock: TriggerProcess) -> bool:
        """Whether what is missing is a runtime: it may be being built, for so long."""
        if not isinstance(error, RuntimeMissing):
            return False
        now = asyncio.get_running_loop().time()
        if error.digest not in self._missing_since:
            for task_log in [held.log for held in _living(flock) if held.log]:
                task_log.say(f"The trigger waits: {error}", level="warning")
        return now - self._missing_since.setdefault(error.digest, now) < PATIENCE_SECONDS

    async def _run(self, flock: TriggerProcess) -> str | None:
        members = list(flock.members.values())
        if not members or members[0].work.bundle is None:
            return None
        work = members[0].work
        assert work.bundle is not None
        runtime = find_runtime(directory=self._runtimes, digest=work.runtime_digest)
        self._missing_since.pop(work.runtime_digest, None)
        folder = await self._bundles.acquire(work.bundle.digest)
        try:
            return await flock.run(
                runtime=runtime,
                bundle=folder,
                place=Place(
                    bundle_path=str(folder),
                    bundle_name=work.bundle.name,
                    bundle_version=work.bundle.version,
                    runtime_path=str(runtime.path),
                ),
            )
        finally:
            self._bundles.release(work.bundle.digest)

    def _crashed(self, place: Where, living: list[Held], why: str) -> None:
        """Who was not told to it yet had no part in it."""
        suspects = [held for held in living if held.told]
        fresh = [held for held in living if not held.told]
        log.warning(
            "a triggerer process of %s with %d triggers: %s", place[0], len(suspects), why.split("\n")[0]
        )
        if len(suspects) == 1:
            (held,) = suspects
            held.crashes += 1
            if held.crashes >= CRASHES:
                self._fail(held, [f"The trigger was run {CRASHES} times, and each time {why}"])
                suspects = []
        half = len(suspects) // 2
        self._apart(place, [suspects[:half], suspects[half:], fresh])

    def _apart(self, place: Where, groups: list[list[Held]]) -> None:
        for group in groups:
            if group:
                flock = self._new_flock(place)
                for held in group:
                    self._join(held, flock)

    def _remove(self, place: Where, flock: TriggerProcess) -> None:
        flock.ending = True
        flocks = self._flocks.get(place, [])
        if flock in flocks:
            flocks.remove(flock)
        if not flocks:
            self._flocks.pop(place, None)
            self._masks.pop(place, None)

    def _event(self, held: Held, event: dict[str, Any], seq: int | None) -> None:
        ends = event.get("task_instance_state")
        try:
            if ends is not None:
                body: dict[str, Any] = {"ends": str(ends), "xcoms": encoded(event.get("xcoms") or {})}
            else:
                body = {"payload": encoded(event.get("payload"))}
        except NotEncodable as error:
            why = [f"Could not resume the task: the event payload could not be serialized ({error})"]
            if held.watches:
                self._complain(held, why)
            else:
                self._fail(held, why)
            return
        operation = Operation(kind="trigger_event", body=body)
        if held.watches:
            held.patience.fired()
            body["key"] = uuid.uuid4().hex
            self._spawn(self._watched(held, operation, seq))
            return
        held.over = True
        self._spawn(self._tell(held, operation))

    def _failure(self, held: Held, traceback: list[str] | None) -> None:
        self._fail(held, traceback)

    def _fail(self, held: Held, traceback: list[str] | None) -> None:
        if held.watches:
            self._again(held, traceback)
            return
        held.over = True
        self._spawn(self._tell(held, _failed(held, traceback)))

    def _again(self, held: Held, traceback: list[str] | None) -> None:
        """A watcher's trigger ended: it begins anew, under another number, after a while."""
        flock = self._flock_of.pop(held.number, None)
        if flock is not None:
            flock.members.pop(held.number, None)
            flock.cancel(held, kill=False)
        if not held.patience.has_fired:
            self._complain(held, traceback)
        held.number = next(self._numbers)
        asyncio.get_running_loop().call_later(held.patience.ended(), self._return, held)

    def _return(self, held: Held) -> None:
        if not held.over and not self._closing:
            self._settle(held)

    def _complain(self, held: Held, traceback: list[str] | None) -> None:
        operation = _failed(held, traceback)
        if held.patience.shall_tell(str(operation.body["traceback"])):
            self._spawn(self._submit(held, operation))

    async def _tell(self, held: Held, operation: Operation) -> None:
        """Its lines first: whoever resumes the task writes behind them."""
        await self._close_log(held)
        await self._submit(held, operation)
        self._leave(held, kill=False)

    async def _watched(self, held: Held, operation: Operation, seq: int | None) -> None:
        verdict = await self._submit(held, operation)
        flock = self._flock_of.get(held.number)
        if verdict and seq is not None and flock is not None:
            flock.persisted.append(seq)

    async def _submit(self, held: Held, operation: Operation) -> bool:
        work = held.work
        verdict = await self._reporter.submit(
            id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=[operation]
        )
        if verdict.verdict == "accepted":
            return True
        log.warning("trigger %s e%s: %s %s", work.id, work.epoch, verdict.reason, verdict.message)
        if verdict.reason == "invalid" and operation.kind == "trigger_event":
            body = {"error": FAILED, "traceback": [f"The event could not be stored: {verdict.message}"]}
            await self._submit(held, Operation(kind="trigger_failed", body=body))
        return False

    def _leave(self, held: Held, *, kill: bool) -> None:
        """It is no longer ours; its process forgets it at its next word."""
        flock = self._flock_of.pop(held.number, None)
        if flock is not None:
            flock.members.pop(held.number, None)
            if held.told:
                flock.cancel(held, kill=kill)
        if self._held.pop((held.work.id, held.work.epoch), None) is not None:
            self._given_back()
        if held.log is not None:
            self._spawn(self._close_log(held, KILL_SECONDS if kill else 0.0))

    async def _open_log(self, held: Held, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._ready_log(held)

    async def _ready_log(self, held: Held) -> None:
        work, name = held.work, _log_name(held)
        if held.log is None or held.log.closed or self._shipper.is_open(id=name, epoch=work.epoch):
            return
        size = await self._shipper.stored_size(
            tenant_id=work.tenant_id, id=name, epoch=work.epoch, key=held.log.key
        )
        if held.log.closed or self._shipper.is_open(id=name, epoch=work.epoch):
            return
        if size is not None:
            held.log.rebase(size)
        self._shipper.open(tenant_id=work.tenant_id, id=name, epoch=work.epoch, task_log=held.log)

    async def _close_log(self, held: Held, seconds: float = 0.0) -> None:
        await asyncio.sleep(0 if self._closing else seconds)
        if held.log is None or held.log.closed:
            return
        await self._ready_log(held)
        await self._shipper.flush(id=_log_name(held), epoch=held.work.epoch)
        if not held.log.closed:
            self._shipper.finish(id=_log_name(held), epoch=held.work.epoch)


def _failed(held: Held, traceback: list[str] | None) -> Operation:
    lines = None if traceback is None else [held.asking.mask.text(str(line)) for line in traceback]
    return Operation(kind="trigger_failed", body={"error": FAILED, "traceback": lines})


def _living(flock: TriggerProcess) -> list[Held]:
    return [held for held in flock.members.values() if not held.over]


def _place(work: Workload) -> Where:
    return work.tenant, work.runtime_digest, work.bundle.digest if work.bundle else ""


def _log_name(held: Held) -> str:
    """Apart from the attempt's own log of the same (id, epoch), which may still be on its way."""
    return f"trigger {held.work.id}"
