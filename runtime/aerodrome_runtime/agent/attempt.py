"""One attempt from hand-over to its last report: answers its frames, keeps its log, says how it ended.

Before: the ledger says *running* under (id, epoch). After: every process of the attempt is gone, its state is
reported and accepted (or refused because another epoch runs), and its log is stored.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aerodrome_runtime.agent.mail import MailRelay
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.measures import Measures
from aerodrome_runtime.agent.operations import (
    FAILURES,
    FLUSH_SECONDS,
    PAUSES,
    STATES,
    state_operation,
    written_behind,
)
from aerodrome_runtime.agent.outcome import Ending, conclude
from aerodrome_runtime.agent.reporting import Reporter
from aerodrome_runtime.agent.runtimes import PATIENCE_SECONDS
from aerodrome_runtime.agent.sdk.answers import api_error
from aerodrome_runtime.agent.sdk.client import ExecutionClient
from aerodrome_runtime.agent.sdk.table import Asking, answer
from aerodrome_runtime.agent.spares import Spare
from aerodrome_runtime.agent.startup import now_iso, startup_message
from aerodrome_runtime.agent.tasklog import TaskLog
from taskwire.agent import Operation, Verdict
from taskwire.workload import TaskWork, Workload

log = logging.getLogger("aerodrome.agent")
GRACE_SECONDS = 5.0
AGAIN_SECONDS = 30.0
"""Until a task whose runtime is not here is tried again."""
OVERTIME_SECONDS = 20.0
"""How long listeners and callbacks may run after the terminal state (Airflow's `task_success_overtime`)."""
DRAIN_SECONDS = 2.0
SHUTTING_DOWN = "the agent is shutting down"
"""The reason of a stop that is the agent's own: an attempt that has not begun is handed back."""


class Attempt:
    """`run` it once; `stop` may be called at any time."""

    def __init__(
        self,
        *,
        work: Workload,
        task: TaskWork,
        reporter: Reporter,
        client: ExecutionClient,
        mask: Mask,
        task_log: TaskLog,
        relay: MailRelay | None = None,
        measures: Measures | None = None,
    ) -> None:
        self.work = work
        self.task = task
        self.log = task_log
        self._reporter = reporter
        self._measures = measures
        self._asking = Asking(
            ti_id=work.id,
            client=client,
            mask=mask,
            relay=relay,
            tell=lambda text: task_log.say(text, level="error"),
        )
        self._queued: list[Operation] = []
        self._flush_timer: asyncio.TimerHandle | None = None
        self._serial = asyncio.Lock()
        self._answering: set[asyncio.Task[None]] = set()
        self._state: str | None = None
        self._fenced: str | None = None
        self._end_told = False
        """An ending was reported, and refused: the control plane knows that nobody goes on with this attempt."""
        self._invalid: str | None = None
        """Why the control plane could not take something the task wrote: such a task has not succeeded."""
        self._invalid_told = False
        """Whether the task knows: it hears of it once, with what it says next."""
        self._stopped: str | None = None
        self._spare: Spare | None = None
        self._killer: asyncio.Task[None] | None = None
        self._overtime: asyncio.TimerHandle | None = None
        self._wall: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def begun(self) -> bool:
        """Whether user code may have run."""
        return self._spare is not None

    async def run(self, spare: Spare, memory_killed: Callable[[], bool]) -> None:
        """Hand the task to this child and stay until everything is told."""
        child = spare.child
        if self._stopped:
            # No user code has run: nothing has to be undone, and no try is spent when it is we who leave.
            child.signal(signal.SIGKILL, group=True)
            await child.exited
            await self._leave_unstarted()
            return
        self._spare = spare
        self.log.on_pressure = child.pause
        child.give(
            startup_message(self.work, self.task, relays=self._asking.relay is not None),
            on_request=self._request,
            on_line=self._line,
        )
        wall = self.work.limits.wall_seconds
        if wall:
            self._wall = self._loop.call_later(wall, self.stop, "timeout")
        begun_at = self._loop.time()
        exited = await child.exited
        if self._measures is not None:
            self._measures.add(
                tenant_id=self.work.tenant_id,
                id=self.work.id,
                epoch=self.work.epoch,
                exited=exited,
                seconds=self._loop.time() - begun_at,
            )
        for timer in (self._flush_timer, self._overtime, self._wall):
            if timer is not None:
                timer.cancel()
        if self._killer is not None:
            self._killer.cancel()
        while self._answering:
            await asyncio.wait(self._answering)
        try:
            await asyncio.wait_for(child.drained.wait(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("%s e%s: a pipe is still held open", self.work.id, self.work.epoch)
        if self._state is not None or self._fenced:
            if self._queued and not self._fenced:
                await (
                    self._flush()
                )  # links and what was rendered anew are said after the state, just before the exit
            if self._fenced and not self._end_told:
                await self._say_gone()
            return
        await self._flush()  # whether it could be stored decides how the attempt ended
        outcome = conclude(
            ending=Ending(
                exit_code=exited.exit_code,
                signal=exited.signal,
                peak_bytes=exited.peak_bytes,
                memory_limit_bytes=spare.confined.memory_bytes,
                memory_killed=memory_killed(),
                stopped=self._stopped,
                refused=self._invalid,
                zygote_lost=exited.exit_code is None and exited.signal is None,
            ),
            should_retry=bool(self.task.ti_context.get("should_retry")),
        )
        if outcome.message:
            self.log.say(outcome.message, level=outcome.level)
        await self.report_state(outcome.state, outcome.died)

    async def cannot_start(self, message: str) -> None:
        """No child could be made: the attempt failed before user code ran."""
        self.log.say(f"The task could not be started: {message}", level="error")
        should_retry = bool(self.task.ti_context.get("should_retry"))
        await self.report_state(
            "up_for_retry" if should_retry else "failed",
            {"reason": "zygote", "exit_code": None, "signal": None, "limit": None, "peak_bytes": 0},
        )

    async def cannot_start_yet(self, message: str) -> None:
        """What it needs may come: the task is rescheduled, as where Airflow does not find its DAG, until it took too long."""
        looks = int(self.task.ti_context.get("task_reschedule_count") or 0)
        if looks >= PATIENCE_SECONDS / AGAIN_SECONDS:
            await self.cannot_start(message)
            return
        self.log.say(
            f"The task waits: {message}. It is tried again in {AGAIN_SECONDS:.0f} s.", level="warning"
        )
        await self.log.flush()
        now = datetime.now(tz=UTC)
        body = {
            "state": "up_for_reschedule",
            "end_date": now.isoformat(),
            "reschedule_date": (now + timedelta(seconds=AGAIN_SECONDS)).isoformat(),
        }
        await self._submit_state(Operation(kind="state", body=body))

    async def report_state(self, state: str, died: dict[str, Any] | None) -> None:
        """Report an ending that the process did not tell itself, together with what is still queued."""
        body: dict[str, Any] = {"state": state, "end_date": now_iso()}
        if died is not None:
            body["died"] = died
        await self._submit_state(Operation(kind="state", body=body))

    async def _say_gone(self) -> None:
        """A fenced attempt is over: what waits for its processes to be gone may go on. No verdict matters any more."""
        body = {
            "state": "failed",
            "end_date": now_iso(),
            "died": {"reason": "stopped", "message": self._stopped},
        }
        await self._reporter.submit(
            id=self.work.id,
            tenant_id=self.work.tenant_id,
            epoch=self.work.epoch,
            operations=[Operation(kind="state", body=body)],
        )

    async def _leave_unstarted(self) -> None:
        if self._stopped == SHUTTING_DOWN:
            await self._submit([Operation(kind="handed_back")])
            return
        ending = Ending(exit_code=None, signal=None, stopped=self._stopped)
        outcome = conclude(ending=ending, should_retry=bool(self.task.ti_context.get("should_retry")))
        await self.report_state(outcome.state, outcome.died)

    def stop(self, why: str) -> None:
        """End the attempt: SIGTERM (on_kill runs), a grace, then SIGKILL to all of its processes."""
        if self._stopped or self._state is not None:
            return
        self._stopped = why
        if why != "timeout":
            self.log.say(
                "Server indicated the task shouldn't be running anymore. Terminating process",
                level="error",
                detail=why,
            )
        self._kill()

    def refresh_token(self, token: str) -> None:
        self._asking.client.use_token(token)

    def _kill(self) -> None:
        if self._spare is not None and self._killer is None:
            self._killer = asyncio.create_task(self._terminate(self._spare))

    async def _terminate(self, spare: Spare) -> None:
        spare.child.pause(False)
        spare.child.signal(signal.SIGTERM)
        await asyncio.sleep(GRACE_SECONDS)
        spare.child.signal(signal.SIGKILL, group=True)

    def _request(self, number: int, message: dict[str, Any]) -> None:
        kind = message.get("type", "")
        behind = written_behind(message)
        if behind is not None and self._fenced is None:
            if self._invalid is not None and not self._invalid_told:
                self._invalid_told = True
                self._respond(number, error=api_error(status=422, message=self._invalid))
                return
            try:
                operation = behind(message)
            except KeyError as error:
                self._respond(number, error=api_error(status=None, message=f"no {error}", kind="KeyError"))
                return
            if kind == "SetRenderedFields":
                operation.body = {
                    "rendered_fields": self._asking.mask.event(operation.body["rendered_fields"])
                }
            self._queued.append(operation)
            if self._flush_timer is None:
                self._flush_timer = self._loop.call_later(FLUSH_SECONDS, self._flush_later)
            self._respond(number, None)
            return
        task = self._loop.create_task(self._answer(number, kind, message))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, number: int, kind: str, message: dict[str, Any]) -> None:
        if kind == "MaskSecret":
            body, error = await answer(self._asking, message)
            self._respond(number, body, error)
            return
        if kind == "ResendLoggingFD":
            if self._spare is not None:
                self._spare.child.new_log_pipe(number)
            return
        if kind in STATES:
            await self._end_with(number, message)
            return
        refused = await self._flush()
        if refused is not None:
            self._invalid_told = True
            self._respond(number, error=refused)
            return
        body, error = await answer(self._asking, message)
        self._respond(number, body, error)

    async def _end_with(self, number: int, message: dict[str, Any]) -> None:
        """A state message: everything queued and the state, in one transaction; then the task may go on."""
        if message["type"] in PAUSES:
            # Its trigger, or its next look, writes into the same log: behind what is there by then.
            await self.log.flush()
        async with self._serial:
            operation = state_operation(message)
            if self._invalid is not None and operation.body["state"] not in FAILURES:
                # What was written behind is lost: no other state may hide that from what comes after.
                self._respond(number, error=api_error(status=422, message=self._invalid))
                return
            verdict = await self._submit_state(operation)
        if verdict.verdict == "accepted":
            self._state = operation.body["state"]
            if message["type"] in ("SucceedTask", "RetryTask", "TaskState"):
                self._overtime = self._loop.call_later(OVERTIME_SECONDS, self._overtime_reached)
            self._respond(number, None)
        else:
            self._respond(number, error=_refusal(verdict))

    def _flush_later(self) -> None:
        self._flush_timer = None
        task = self._loop.create_task(self._flush_quietly())
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _flush_quietly(self) -> None:
        await self._flush()

    async def _flush(self) -> dict[str, Any] | None:
        """Commit what is queued before anything else of this attempt goes out; an error body when refused."""
        async with self._serial:
            if self._fenced:
                return api_error(status=409, message=self._fenced)
            if not self._queued:
                return None
            operations, self._queued = self._queued, []
            verdict = await self._submit(operations)
        return None if verdict.verdict == "accepted" else _refusal(verdict)

    async def _submit_state(self, state: Operation) -> Verdict:
        """Everything queued and the state; the state alone when it is a failure and the rest cannot be stored."""
        operations, self._queued = self._queued, []
        verdict = await self._submit([*operations, state])
        is_refused = verdict.verdict != "accepted" and verdict.reason == "invalid"
        if is_refused and operations and state.body["state"] in FAILURES:
            return await self._submit([state])
        return verdict

    async def _submit(self, operations: list[Operation]) -> Verdict:
        verdict = await self._reporter.submit(
            id=self.work.id, tenant_id=self.work.tenant_id, epoch=self.work.epoch, operations=operations
        )
        if verdict.verdict != "accepted":
            self.log.say(
                f"The control plane refused what the task reported: {verdict.reason}. {verdict.message}".rstrip(),
                level="error",
            )
            if verdict.reason == "invalid":
                self._invalid = verdict.message or verdict.reason
                # What was pushed after the wrong thing, while that was on its way: the attempt fails without it.
                self._queued = [one for one in self._queued if one.kind != "xcom_set"]
                await self._save(operations)
            if verdict.reason in ("superseded", "finished", "unknown"):
                self._fenced = verdict.reason
                self._stopped = self._stopped or verdict.message or verdict.reason
                self._end_told = self._end_told or any(one.kind == "state" for one in operations)
                self._kill()
        return verdict

    async def _save(self, operations: list[Operation]) -> None:
        """Of a report that is refused as a whole: what was said before the wrong thing, as if each had been told alone."""
        said = [operation for operation in operations if operation.kind != "state"]
        for operation in said if len(operations) > 1 else ():
            verdict = await self._reporter.submit(
                id=self.work.id, tenant_id=self.work.tenant_id, epoch=self.work.epoch, operations=[operation]
            )
            if verdict.verdict != "accepted":
                return

    def _overtime_reached(self) -> None:
        if self._spare is not None:
            self.log.say("Task success overtime reached; terminating process.", level="warning")
            self._kill()

    def _respond(self, number: int, body: Any = None, error: Any = None) -> None:
        if self._spare is not None:
            self._spare.child.channel.respond(number, body, error)

    def _line(self, source: str, line: bytes) -> None:
        if source == "logs":
            self.log.structured(line)
        elif source == "stdout":
            self.log.raw(line, logger="task.stdout", level="info")
        else:
            self.log.raw(line, logger="task.stderr", level="error")


def _refusal(verdict: Verdict) -> dict[str, Any]:
    """What Airflow's supervisor sends on 409: the SDK raises, logs and goes on to its finalizers."""
    status = 409 if verdict.reason != "invalid" else 422
    detail = {"reason": verdict.reason, "previous_state": verdict.stored, "message": verdict.message}
    return api_error(status=status, message="Server returned error", detail=detail)
