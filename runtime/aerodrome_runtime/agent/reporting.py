"""Reports to the control plane: at most one request in flight, everything that came meanwhile goes in the next.

No artificial delay: an idle reporter sends at once, a busy one batches by itself. A report is sent again until
it is answered; the same (id, epoch, operations) twice is one.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable

from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.session import Session
from aerodrome_runtime.agent.spool import Spool
from taskwire.agent import Operation, Registered, Report, ReportBatch, ReportResult, Verdict

log = logging.getLogger("aerodrome.agent")
MOST_REPORTS = 256
WAIT_MAX_SECONDS = 2.0


class Reporter:
    """`submit` returns the verdict, however long it takes."""

    def __init__(self, *, session: Session, spool: Spool) -> None:
        self._session = session
        self._spool = spool
        self._queue: list[tuple[Report, asyncio.Future[Verdict]]] = []
        self._wake = asyncio.Event()

    async def submit(
        self, *, id: str, tenant_id: str, epoch: int, operations: list[Operation], keep: bool = True
    ) -> Verdict:
        """Commit `operations` of one attempt, all or none. Call again only after the verdict: order is yours.

        Not to `keep` it: should this process die before the answer, nobody may say it in its place.
        """
        report = Report(id=id, tenant_id=tenant_id, epoch=epoch, operations=operations)
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        if keep:
            self._spool.append([report])
        self._queue.append((report, future))
        self._wake.set()
        return await future

    async def run(self) -> None:
        """Send what an earlier agent left, then whatever is submitted, for ever."""
        left = self._spool.load()
        if left:
            log.info("sending %d reports of an earlier agent", len(left))
            loop = asyncio.get_running_loop()
            self._queue[:0] = [(report, loop.create_future()) for report in left]
            self._wake.set()
        while True:
            await self._wake.wait()
            batch, self._queue = self._queue[:MOST_REPORTS], self._queue[MOST_REPORTS:]
            if not self._queue:
                self._wake.clear()
            await self._send(batch)
            self._spool.settle([report for report, _ in self._queue])

    async def _send(self, batch: list[tuple[Report, asyncio.Future[Verdict]]]) -> None:
        pause = 0.05
        waiting = batch
        while waiting:
            reports = [report for report, _ in waiting]

            def send(who: Registered, reports: list[Report] = reports) -> Awaitable[ReportResult]:
                batch = ReportBatch(agent_id=who.agent_id, epoch=who.epoch, reports=reports)
                return self._session.gateway.report(batch)

            try:
                result = await self._session.call(send)
            except (GatewayUnreachable, GatewayRefused) as error:
                log.warning("cannot report %d attempts, trying again: %s", len(reports), error)
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, WAIT_MAX_SECONDS)
                if isinstance(error, GatewayRefused) and error.status in (400, 413, 422) and len(waiting) > 1:
                    # One bad report must not hold the others: send them one by one.
                    for single in waiting:
                        await self._send([single])
                    return
                if isinstance(error, GatewayRefused) and error.status in (400, 413, 422):
                    report, future = waiting[0]
                    _resolve(future, _invalid(report, str(error)))
                    return
                continue
            verdicts = {(verdict.id, verdict.epoch): verdict for verdict in result.verdicts}
            left = []
            for report, future in waiting:
                verdict = verdicts.get((report.id, report.epoch))
                if verdict is None:
                    left.append((report, future))
                else:
                    _resolve(future, verdict)
            if len(left) == len(waiting):
                await asyncio.sleep(pause)
                pause = min(pause * 2, WAIT_MAX_SECONDS)
            waiting = left


def _resolve(future: asyncio.Future[Verdict], verdict: Verdict) -> None:
    if not future.done():
        future.set_result(verdict)


def _invalid(report: Report, message: str) -> Verdict:
    return Verdict(id=report.id, epoch=report.epoch, verdict="refused", reason="invalid", message=message)
