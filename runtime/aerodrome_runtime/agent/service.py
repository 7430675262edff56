"""The agent as a whole: builds the parts, starts the loops, runs each workload, ends in good order."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import msgspec

from aerodrome_runtime.agent.attempt import SHUTTING_DOWN, Attempt
from aerodrome_runtime.agent.beating import beat_for_ever, beat_triggers_for_ever
from aerodrome_runtime.agent.build import Builder
from aerodrome_runtime.agent.bundles import Bundles
from aerodrome_runtime.agent.callback import CallbackAttempt
from aerodrome_runtime.agent.claiming import Slots, claim_for_ever
from aerodrome_runtime.agent.configuration import Settings
from aerodrome_runtime.agent.confine import Confinement
from aerodrome_runtime.agent.connectiontest import ConnectionTests
from aerodrome_runtime.agent.dagzygotes import DagZygotes
from aerodrome_runtime.agent.gateway import Gateway
from aerodrome_runtime.agent.installed import install_site
from aerodrome_runtime.agent.mail import MailRelay
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.measures import Measures
from aerodrome_runtime.agent.parsing import Parsers
from aerodrome_runtime.agent.reporting import Reporter
from aerodrome_runtime.agent.runtimes import airflow_versions
from aerodrome_runtime.agent.sdk.client import ExecutionClient, Token
from aerodrome_runtime.agent.session import Session
from aerodrome_runtime.agent.shipping import Shipper
from aerodrome_runtime.agent.spares import Spares
from aerodrome_runtime.agent.spool import Spool
from aerodrome_runtime.agent.starting import run_task
from aerodrome_runtime.agent.tasklog import CAP_BYTES, TaskLog
from aerodrome_runtime.agent.triggers import Triggers
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.jail.level import Level
from taskwire.agent import BeatResult, Operation
from taskwire.parsing import ImportFailure, ParseReport
from taskwire.timetabling import TimetableReport
from taskwire.workload import CallbackWork, Workload

log = logging.getLogger("aerodrome.agent")
USER_AGENT = "aerodrome-agent/0.1"
PARSE_SLOTS = 4
"""Parses and builds at once. The gateway gives one tenant one of them at a time."""
CALLBACK_SLOTS = 4
"""Callbacks at once. The gateway gives one tenant two of them at a time."""
CALLBACK_LOG_BYTES = 1024 * 1024
DRAIN_SECONDS = 10.0
"""How long running tasks may go on when the agent is told to end: their tries are not ours to waste."""
STOP_SECONDS = 12.0
"""Then SIGTERM, its grace, SIGKILL and the last reports. In all less than the supervisor's patience (30 s)."""


class Agent:
    """Made and run inside one event loop."""

    def __init__(self, settings: Settings, level: Level) -> None:
        directory = settings.directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        self.settings = settings
        self.runtimes = directory / "runtimes"
        self.runtimes.mkdir(exist_ok=True, mode=0o755)
        self.gateway = Gateway(url=settings.url, socket_path=settings.socket_path, token=settings.token)
        self.http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
        self.session = Session(
            gateway=self.gateway,
            name=settings.name,
            slots=settings.slots,
            level=level.name,
            level_detail=level.to_dict(),
            airflow_versions=airflow_versions(directory=self.runtimes),
        )
        self.spool = Spool(directory / "spool")
        self.reporter = Reporter(session=self.session, spool=self.spool)
        self.measures = Measures()
        self.shipper = Shipper(session=self.session)
        site = install_site(directory / "site")
        self.bundles = Bundles(directory=directory / "bundles", gateway=self.gateway)
        self.zygotes = BaseZygotes(directory=directory / "zygotes", site=site)
        self.confinement = Confinement(
            directory=directory, site=site, isolation=level.isolation, network=settings.task_network
        )
        dags = (
            DagZygotes(zygotes=self.zygotes, confinement=self.confinement, slots=settings.slots)
            if self.confinement.nests
            else None
        )
        self.spares = Spares(
            dags=dags, zygotes=self.zygotes, confinement=self.confinement, slots=settings.slots
        )
        self.parsers = Parsers(
            bundles=self.bundles,
            zygotes=self.zygotes,
            confinement=self.confinement,
            runtimes=self.runtimes,
        )
        self.tests = ConnectionTests(
            zygotes=self.zygotes,
            confinement=self.confinement,
            runtimes=self.runtimes,
            allowed=settings.connection_test_networks,
        )
        self.builder = Builder(runtimes=self.runtimes, uv=settings.uv)
        # A task with a network of its own speaks SMTP by itself.
        self.relay = MailRelay(policy=settings.mail_relay) if settings.task_network == "none" else None
        self.slots_of = {
            "task": Slots(settings.slots),
            "other": Slots(PARSE_SLOTS),
            "callback": Slots(CALLBACK_SLOTS),
            "trigger": Slots(settings.triggers),
        }
        self.triggers = Triggers(
            bundles=self.bundles,
            zygotes=self.zygotes,
            confinement=self.confinement,
            runtimes=self.runtimes,
            reporter=self.reporter,
            shipper=self.shipper,
            client=self._client,
            given_back=self.slots_of["trigger"].give_back,
        )
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.callbacks: dict[tuple[str, int], CallbackAttempt] = {}
        self.working: dict[tuple[str, int], tuple[Workload, asyncio.Task[None]]] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then end: no new claims, running attempts are stopped and reported."""
        loops = [
            asyncio.create_task(self.reporter.run()),
            asyncio.create_task(self.shipper.run()),
            asyncio.create_task(
                beat_for_ever(
                    session=self.session,
                    running=self.running,
                    usage=self.usage,
                    measures=self.measures,
                    heard=self.heard,
                )
            ),
            asyncio.create_task(
                beat_triggers_for_ever(
                    session=self.session, held=self.triggers.held, heard=self.heard_of_triggers
                )
            ),
        ]
        claims = [
            asyncio.create_task(
                claim_for_ever(session=self.session, slots=slots, sort=sort, start=self.start)
            )
            for sort, slots in self.slots_of.items()
        ]
        stopped = asyncio.create_task(stopping.wait())
        try:
            done, _ = await asyncio.wait([*claims, stopped, *loops], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
        finally:
            for claim in claims:
                claim.cancel()
            await self.finish()
            for task in [*loops, stopped]:
                task.cancel()
            await asyncio.gather(*claims, stopped, *loops, return_exceptions=True)
            await self.spares.close()
            await self.zygotes.close()
            await self.http.close()
            await self.gateway.close()
            self.spool.close()

    async def finish(self) -> None:
        """Hand back what has not begun, let the rest come to its end for a while, stop what is left."""
        await self.triggers.close()
        for waiting in [*self.attempts.values(), *self.callbacks.values()]:
            if not waiting.begun:
                waiting.stop(SHUTTING_DOWN)
        for seconds in (DRAIN_SECONDS, STOP_SECONDS):
            tasks = [task for _, task in self.working.values()]
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)
            for ending in [*self.attempts.values(), *self.callbacks.values()]:
                ending.stop(SHUTTING_DOWN)
        await self.shipper.settle(seconds=5)

    def start(self, work: Workload) -> None:
        """Begin one claimed workload. An (id, epoch) that runs already is not begun twice."""
        if work.kind == "trigger":
            if self.triggers.start(work):
                self.slots_of["trigger"].take()
            return
        key = (work.id, work.epoch)
        if key in self.working:
            return
        sort = "callback" if work.kind == "conn_test" else work.kind
        slots = self.slots_of.get(sort, self.slots_of["other"])
        slots.take()
        task = asyncio.create_task(self._work(work))
        self.working[key] = (work, task)

        def done(ended: asyncio.Task[None]) -> None:
            self.working.pop(key, None)
            self.attempts.pop(key, None)
            self.callbacks.pop(key, None)
            slots.give_back()
            if not ended.cancelled() and ended.exception() is not None:
                log.error(
                    "%s e%s broke the agent's own code", work.id, work.epoch, exc_info=ended.exception()
                )

        task.add_done_callback(done)

    def running(self) -> list[tuple[str, str, int]]:
        return [(work.tenant_id, work.id, work.epoch) for work, _ in self.working.values()]

    def usage(self) -> dict[str, object]:
        return {"spares": self.spares.idle(), "working": len(self.working)}

    def heard(self, result: BeatResult) -> None:
        for id, epoch, why in result.stop:
            attempt = self.attempts.get((id, epoch)) or self.callbacks.get((id, epoch))
            if attempt is not None:
                attempt.stop(why)
        for (id, _), attempt in self.attempts.items():
            if id in result.tokens:
                attempt.refresh_token(result.tokens[id])
        self.spares.evict()
        self.zygotes.evict()

    def heard_of_triggers(self, result: BeatResult) -> None:
        for id, epoch, why in result.stop:
            self.triggers.stop(id, epoch, why)
        for id, token in result.tokens.items():
            self.triggers.use_token(id, token)

    async def _work(self, work: Workload) -> None:
        if work.kind == "task" and work.task is not None:
            mask = Mask(work.task.secrets_to_mask)
            task_log = TaskLog(
                key=work.task.log_key,
                mask=mask,
                cap_bytes=work.limits.log_bytes or CAP_BYTES,
                offset=work.task.log_offset,
            )
            attempt = Attempt(
                work=work,
                task=work.task,
                reporter=self.reporter,
                client=self._client(work.task.token),
                mask=mask,
                task_log=task_log,
                relay=self.relay,
                measures=self.measures,
            )
            self.attempts[work.id, work.epoch] = attempt
            await run_task(
                attempt=attempt,
                bundles=self.bundles,
                spares=self.spares,
                shipper=self.shipper,
                runtimes=self.runtimes,
            )
            return
        if work.kind == "callback" and work.callback is not None:
            await self._callback(work, work.callback)
            return
        try:
            operation = await self._other(work)
        except Exception as error:
            # Whatever broke here, the control plane must not wait for an answer that never comes.
            log.exception("%s %s e%s broke the agent's own code", work.kind, work.id, work.epoch)
            operation = _broken(work, f"the agent failed: {type(error).__name__}: {error}")
        verdict = await self.reporter.submit(
            id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=[operation]
        )
        if verdict.verdict != "accepted":
            log.warning("%s %s e%s: %s %s", work.kind, work.id, work.epoch, verdict.reason, verdict.message)

    async def _callback(self, work: Workload, order: CallbackWork) -> None:
        mask = Mask([])
        attempt = CallbackAttempt(
            work=work,
            order=order,
            reporter=self.reporter,
            client=self._client(order.token),
            mask=mask,
            callback_log=TaskLog(key=order.log_key, mask=mask, cap_bytes=CALLBACK_LOG_BYTES),
            relay=self.relay,
        )
        self.callbacks[work.id, work.epoch] = attempt
        await attempt.run(
            bundles=self.bundles, spares=self.spares, shipper=self.shipper, runtimes=self.runtimes
        )

    def _client(self, token: str) -> ExecutionClient:
        return ExecutionClient(
            http=self.http, base_url=self.settings.execution_url, token=Token(token), agent=USER_AGENT
        )

    async def _other(self, work: Workload) -> Operation:
        if work.kind == "parse" and work.parse is not None:
            report = await self.parsers.run(order=work.parse, tenant=work.tenant)
            return Operation(kind="parsed", body=msgspec.to_builtins(report))
        if work.kind == "timetable" and work.timetable is not None:
            answer = await self.parsers.ask(order=work.timetable, tenant=work.tenant)
            return Operation(kind="timetabled", body=msgspec.to_builtins(answer))
        if work.kind == "build" and work.build is not None:
            built = await self.builder.run(work.build)
            body = {
                "runtime_digest": work.build.runtime_digest,
                "ok": built.ok,
                "message": built.message,
                "log": built.log,
            }
            return Operation(kind="built", body=body)
        if work.kind == "conn_test" and work.connection_test is not None:
            told = await self.tests.run(work=work, order=work.connection_test)
            return Operation(kind="connection_tested", body=told)
        log.error("%s: this agent does not know workloads of kind %r", work.id, work.kind)
        return Operation(kind="handed_back")


def _broken(work: Workload, message: str) -> Operation:
    if work.kind == "parse" and work.parse is not None:
        report = ParseReport(
            bundle_digest=work.parse.bundle_digest,
            runtime_digest=work.parse.runtime_digest,
            failure=message,
        )
        return Operation(kind="parsed", body=msgspec.to_builtins(report))
    if work.kind == "timetable" and work.timetable is not None:
        path = work.timetable.path
        failure = ImportFailure(path=path, message=message, stacktrace=message, kind="timetable")
        answer = TimetableReport(dag_id=work.timetable.dag_id, failure=failure)
        return Operation(kind="timetabled", body=msgspec.to_builtins(answer))
    if work.kind == "conn_test":
        return Operation(kind="connection_tested", body={"status": False, "message": message})
    digest = work.build.runtime_digest if work.build is not None else ""
    body = {"runtime_digest": digest, "ok": False, "message": message, "log": ""}
    return Operation(kind="built", body=body)
