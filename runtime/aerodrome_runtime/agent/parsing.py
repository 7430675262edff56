"""A parse order: its files, two at a time, each in a jailed child without a network; a report of all of them.

What a file does to its own child is told as that file's `ImportFailure`; nobody else is touched.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import msgspec

from aerodrome_runtime.agent.bundles import BundleCorrupt, Bundles
from aerodrome_runtime.agent.confine import Confinement
from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.parsechild import Told, run_parse_child
from aerodrome_runtime.agent.runtimes import Runtime, RuntimeMissing, find_runtime
from aerodrome_runtime.agent.unpack import BundleHostile
from aerodrome_runtime.agent.zygotelink import ZygoteLost
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.zygote.orders import Fork, Place
from taskwire.parsing import FileParse, ImportFailure, ParseOrder, ParseReport
from taskwire.timetabling import TimetableOrder, TimetableReport
from taskwire.workload import Limits

AT_ONCE = 2
PROCESSES = 64
HARD_SECONDS = 3.0
"""How much longer than `file_timeout_seconds` a child may live: its own alarm tells the line, this one ends it."""


class Parsers:
    """Runs parse orders. One per agent."""

    def __init__(
        self, *, bundles: Bundles, zygotes: BaseZygotes, confinement: Confinement, runtimes: Path
    ) -> None:
        self._bundles = bundles
        self._zygotes = zygotes
        self._confinement = confinement
        self._runtimes = runtimes

    async def run(self, *, order: ParseOrder, tenant: str) -> ParseReport:
        """Parse every file of the order. Never raises for what the bundle does."""
        started = time.monotonic()
        # Of this order alone: files that never load hold up their own bundle, nobody else's.
        at_once = asyncio.Semaphore(AT_ONCE)

        def report(
            files: list[FileParse], failure: str | None, *, runtime_missing: bool = False
        ) -> ParseReport:
            return ParseReport(
                bundle_digest=order.bundle_digest,
                runtime_digest=order.runtime_digest,
                files=files,
                failure=failure,
                runtime_missing=runtime_missing,
                seconds=time.monotonic() - started,
            )

        try:
            runtime = find_runtime(directory=self._runtimes, digest=order.runtime_digest)
            bundle = await self._bundles.acquire(order.bundle_digest)
        except RuntimeMissing as error:
            return report([], str(error), runtime_missing=True)
        except (BundleCorrupt, BundleHostile, GatewayRefused, GatewayUnreachable) as error:
            return report([], str(error))
        try:
            paths = order.paths
            if not paths:
                async with at_once:
                    told = await self._child(
                        order=order, runtime=runtime, bundle=bundle, path="", tenant=tenant
                    )
                try:
                    paths = msgspec.msgpack.decode(told.result, type=list[str])
                except msgspec.DecodeError:
                    return report([], f"the bundle could not be searched: {_how(told)}")
            files = await asyncio.gather(
                *(
                    self._file(
                        order=order,
                        runtime=runtime,
                        bundle=bundle,
                        path=path,
                        tenant=tenant,
                        at_once=at_once,
                    )
                    for path in paths
                )
            )
            return report(list(files), None)
        except ZygoteLost as error:
            return report([], f"the runtime's zygote could not be started: {error}")
        finally:
            self._bundles.release(order.bundle_digest)

    async def ask(self, *, order: TimetableOrder, tenant: str) -> TimetableReport:
        """Ask a DAG's own timetable. Never raises for what the tenant's code does."""
        bounds = ParseOrder(
            bundle_digest=order.bundle_digest,
            runtime_digest=order.runtime_digest,
            file_timeout_seconds=order.seconds,
            memory_bytes=order.memory_bytes,
            output_bytes=order.output_bytes,
        )
        try:
            runtime = find_runtime(directory=self._runtimes, digest=order.runtime_digest)
            bundle = await self._bundles.acquire(order.bundle_digest)
        except (RuntimeMissing, BundleCorrupt, BundleHostile, GatewayRefused, GatewayUnreachable) as error:
            return _not_asked(order, str(error))
        try:
            told = await self._child(
                order=bounds,
                runtime=runtime,
                bundle=bundle,
                path=order.path,
                tenant=tenant,
                timetable=msgspec.json.encode(order).decode(),
            )
        except ZygoteLost as error:
            return _not_asked(order, f"the runtime's zygote could not be started: {error}")
        finally:
            self._bundles.release(order.bundle_digest)
        if told.exited.exit_code == 0 and not told.excess:
            try:
                return msgspec.msgpack.decode(told.result, type=TimetableReport)
            except msgspec.DecodeError:
                pass
        message = _failure(told, bounds)[1]
        if told.late:
            message = f"The timetable did not answer in {order.seconds:g} s and was killed."
        return _not_asked(order, message, printed=told.printed)

    async def _file(
        self,
        *,
        order: ParseOrder,
        runtime: Runtime,
        bundle: Path,
        path: str,
        tenant: str,
        at_once: asyncio.Semaphore,
    ) -> FileParse:
        async with at_once:
            started = time.monotonic()
            told = await self._child(order=order, runtime=runtime, bundle=bundle, path=path, tenant=tenant)
        if told.exited.exit_code == 0 and not told.excess:
            try:
                parsed = msgspec.msgpack.decode(told.result, type=FileParse)
            except msgspec.DecodeError:
                pass
            else:
                parsed.peak_bytes = max(parsed.peak_bytes, told.exited.peak_bytes)
                return parsed
        kind, message = _failure(told, order)
        return FileParse(
            path=path,
            sha256=_sha256(bundle / path),
            failures=[
                ImportFailure(
                    path=path, message=message, stacktrace=f"{message}\n{told.printed}".strip(), kind=kind
                )
            ],
            dependencies={path: _sha256(bundle / path)},
            seconds=time.monotonic() - started,
            peak_bytes=told.exited.peak_bytes,
        )

    async def _child(
        self,
        *,
        order: ParseOrder,
        runtime: Runtime,
        bundle: Path,
        path: str,
        tenant: str,
        timetable: str | None = None,
    ) -> Told:
        link = await self._zygotes.link(runtime)
        confined = self._confinement.prepare(
            runtime=runtime,
            bundle=bundle,
            limits=Limits(memory_bytes=order.memory_bytes, processes=PROCESSES),
            network="none",
        )
        try:
            told = await run_parse_child(
                link=link,
                order=Fork(
                    id=0,
                    role="parse",
                    place=Place(bundle_path=str(bundle), dag_rel_path=path, runtime_path=str(runtime.path)),
                    jail=confined.jail,
                    title=f"aerodrome-parse {tenant}",
                    environment=confined.environment,
                    seconds=order.file_timeout_seconds,
                    timetable=timetable,
                ),
                output_bytes=order.output_bytes,
                seconds=order.file_timeout_seconds + HARD_SECONDS,
            )
            if self._confinement.memory_killed(confined):
                told = Told(b"", told.printed, told.exited, told.excess, False, "memory")
        except BaseException:
            self._confinement.clear(confined, orderly=False)
            raise
        orderly = told.exited.exit_code is not None or told.exited.signal is not None
        self._confinement.clear(confined, orderly=orderly)
        return told


def _not_asked(order: TimetableOrder, message: str, *, printed: str = "") -> TimetableReport:
    failure = ImportFailure(
        path=order.path, message=message, stacktrace=f"{message}\n{printed}".strip(), kind="timetable"
    )
    return TimetableReport(dag_id=order.dag_id, failure=failure)


def _failure(told: Told, order: ParseOrder) -> tuple[str, str]:
    if told.refusal == "memory":
        return "memory", f"The file needed more than {order.memory_bytes // 1024**2} MiB of memory."
    if told.excess:
        return "output", f"The file printed or declared more than {order.output_bytes} bytes."
    if told.late:
        return "timeout", f"The file did not load in {order.file_timeout_seconds:g} s and was killed."
    return "crash", f"The file ended its own process: {_how(told)}."


def _how(told: Told) -> str:
    if told.refusal:
        return told.refusal
    if told.exited.signal is not None:
        return f"signal {told.exited.signal}"
    if told.exited.exit_code is None:
        return "its zygote was lost"
    return f"exit code {told.exited.exit_code}" + (f": {told.printed[-400:]}" if told.printed else "")


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
