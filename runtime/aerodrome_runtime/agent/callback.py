"""One claimed callback from its bundle to its end: said to begin before the author's code runs, and run once.

Before: the ledger says that this claim holds the callback. After: its processes are gone, and the control plane knows
how it ended; or it has not begun, and another claim may have it. Where it cannot be known whether the author's code
ran (this agent died in between), the control plane tells it as lost: no agent runs it a second time.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from aerodrome_runtime.agent.bundles import BundleCorrupt, Bundles
from aerodrome_runtime.agent.dagzygotes import Key
from aerodrome_runtime.agent.gateway import GatewayGone, GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.mail import MailRelay
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.reporting import Reporter
from aerodrome_runtime.agent.runtimes import PATIENCE_SECONDS, Runtime, RuntimeMissing, find_runtime
from aerodrome_runtime.agent.sdk.client import ExecutionClient
from aerodrome_runtime.agent.sdk.table import Asking, answer
from aerodrome_runtime.agent.shipping import Shipper
from aerodrome_runtime.agent.spares import Spare, SpareFailed, Spares
from aerodrome_runtime.agent.startup import callback_message
from aerodrome_runtime.agent.tasklog import TaskLog
from aerodrome_runtime.agent.unpack import BundleHostile
from aerodrome_runtime.zygote.orders import Exited
from taskwire.agent import Operation, Verdict
from taskwire.workload import CallbackWork, Workload

log = logging.getLogger("aerodrome.agent")
LONGEST_SECONDS = 60.0
DRAIN_SECONDS = 2.0
AGAIN_SECONDS = 1.0
"""Until it is looked again for a runtime that was not there."""
DONE = "AerodromeCallbackDone"


class CallbackAttempt:
    """`run` it once; `stop` may be called at any time."""

    def __init__(
        self,
        *,
        work: Workload,
        order: CallbackWork,
        reporter: Reporter,
        client: ExecutionClient,
        mask: Mask,
        callback_log: TaskLog,
        relay: MailRelay | None = None,
    ) -> None:
        self.work = work
        self.order = order
        self.log = callback_log
        self._reporter = reporter
        self._asking = Asking(
            ti_id=(order.ti or {}).get("id", work.id),
            client=client,
            mask=mask,
            relay=relay,
            tell=lambda text: callback_log.say(text, level="error"),
        )
        self._answering: set[asyncio.Task[None]] = set()
        self._spare: Spare | None = None
        self._stopped: str | None = None
        self._errors: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether the author's code may have run."""
        return self._spare is not None

    async def run(self, *, bundles: Bundles, spares: Spares, shipper: Shipper, runtimes: Path) -> None:
        work = self.work
        shipper.open(tenant_id=work.tenant_id, id=work.id, epoch=work.epoch, task_log=self.log)
        held: str | None = None
        spare: Spare | None = None
        try:
            runtime = await self._runtime(runtimes)
            if runtime is None:
                return
            if work.bundle is None:
                raise BundleCorrupt("the workload names no bundle")
            folder = await bundles.acquire(work.bundle.digest)
            held = work.bundle.digest
            spare = await spares.take(
                Key(
                    tenant_id=work.tenant_id,
                    tenant=work.tenant,
                    runtime=runtime,
                    place=str(folder),
                    bundle_name=work.bundle.name,
                    bundle_version=work.bundle.version or work.bundle.digest,
                    dag_rel_path=self.order.dag_rel_path,
                    # As its tasks: they share the DAG's zygote.
                    limits=msgspec.structs.replace(work.limits, wall_seconds=None),
                )
            )
            await self._run(spare)
        except (
            RuntimeMissing,
            BundleCorrupt,
            BundleHostile,
            SpareFailed,
            GatewayGone,
            GatewayRefused,
            GatewayUnreachable,
        ) as error:
            self.log.say(f"The callback could not be started: {error}", level="error")
            await self._done("failed", f"it could not be started: {error}")
        finally:
            if spare is not None:
                spares.clear(spare)
            if held is not None:
                bundles.release(held)
            shipper.finish(id=work.id, epoch=work.epoch)

    async def _runtime(self, directory: Path) -> Runtime | None:
        """It may still be being built here; None: the agent leaves, and another one begins the callback."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        has_said = False
        while self._stopped is None:
            try:
                return find_runtime(directory=directory, digest=self.work.runtime_digest)
            except RuntimeMissing as error:
                if loop.time() - began >= PATIENCE_SECONDS:
                    raise
                if not has_said:
                    self.log.say(f"The callback waits: {error}", level="warning")
                has_said = True
            await asyncio.sleep(AGAIN_SECONDS)
        return None

    def stop(self, why: str) -> None:
        """End it: the agent leaves, or the claim is not its own any more."""
        if self._stopped is None:
            self._stopped = why
            self._kill()

    async def _run(self, spare: Spare) -> None:
        child = spare.child
        begun: Verdict | None = None
        if self._stopped is None:
            # Not kept on disk: said by a later process, it would tell of code that never ran.
            begun = await self._submit(Operation(kind="callback_begun"), keep=False)
        if begun is None or begun.verdict != "accepted" or self._stopped is not None:
            child.signal(signal.SIGKILL, group=True)
            await child.exited
            if begun is not None and begun.verdict == "accepted":
                await self._done("failed", f"it was not called: {self._stopped}")
            elif begun is not None:
                log.warning("callback %s e%s: %s", self.work.id, self.work.epoch, begun.message)
            return
        self._spare = spare
        self.log.on_pressure = child.pause
        wall = self.work.limits.wall_seconds or LONGEST_SECONDS
        timer = asyncio.get_running_loop().call_later(wall, self.stop, f"it ran longer than {wall:g} s")
        child.give(
            callback_message(self.work, self.order, relays=self._asking.relay is not None),
            on_request=self._request,
            on_line=self._line,
        )
        exited = await child.exited
        timer.cancel()
        while self._answering:
            await asyncio.wait(self._answering)
        with suppress(TimeoutError):
            await asyncio.wait_for(child.drained.wait(), DRAIN_SECONDS)
        state, message = self._ending(exited)
        if message:
            self.log.say(f"The callback failed: {message}", level="error")
        await self._done(state, message)

    def _ending(self, exited: Exited) -> tuple[str, str]:
        if self._stopped is not None:
            return "failed", self._stopped
        if exited.exit_code == 0:
            return "success", ""
        if self._errors:
            return "failed", "; ".join(self._errors)
        if exited.signal is not None:
            return "failed", f"its process was killed by signal {exited.signal}"
        return "failed", f"its process ended with exit code {exited.exit_code}"

    async def _done(self, state: str, message: str) -> None:
        body = {"state": state, "message": self._asking.mask.text(message)}
        verdict = await self._submit(Operation(kind="callback_done", body=body))
        if verdict.verdict != "accepted":
            log.warning("callback %s e%s: %s", self.work.id, self.work.epoch, verdict.message)

    async def _submit(self, operation: Operation, *, keep: bool = True) -> Verdict:
        return await self._reporter.submit(
            id=self.work.id,
            tenant_id=self.work.tenant_id,
            epoch=self.work.epoch,
            operations=[operation],
            keep=keep,
        )

    def _kill(self) -> None:
        if self._spare is not None:
            self._spare.child.pause(False)
            self._spare.child.signal(signal.SIGKILL, group=True)

    def _request(self, number: int, message: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(number, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, number: int, message: dict[str, Any]) -> None:
        spare = self._spare
        if spare is None:
            return
        if message.get("type") == "ResendLoggingFD":
            spare.child.new_log_pipe(number)
        elif message.get("type") == DONE:
            self._errors = [str(error) for error in message.get("errors") or ()]
            spare.child.channel.respond(number, None, None)
        else:
            body, error = await answer(self._asking, message)
            spare.child.channel.respond(number, body, error)

    def _line(self, source: str, line: bytes) -> None:
        if source == "logs":
            self.log.structured(line)
        else:
            error = source == "stderr"
            self.log.raw(line, logger=f"callback.{source}", level="error" if error else "info")
