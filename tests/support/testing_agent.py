"""An agent that takes connection tests through the agents' own door and says what it is told to say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from api.agent import wiring, work
from taskwire.agent import Claim, Operation, Register, Registered, Report, ReportBatch
from taskwire.version import WIRE_VERSION
from taskwire.workload import Workload

Says = Callable[[dict[str, Any]], dict[str, Any]]


class TestingAgent:
    """`claim` and `tell` at will, or `serving` beside a request that waits."""

    __test__ = False

    def __init__(self, *, level: str = "L3") -> None:
        wiring.connect()
        self.who: Registered = work.register(
            Register(name="agent", wire_version=WIRE_VERSION, slots=1, hostname="host", pid=1, level=level)
        )
        self.given: list[dict[str, Any]] = []

    def claim(self, slots: int = 8) -> list[Workload]:
        asked = Claim(
            agent_id=self.who.agent_id,
            epoch=self.who.epoch,
            slots=0,
            parse_slots=0,
            callback_slots=slots,
            wait_seconds=0,
        )
        return work.claim(asked).workloads

    def tell(self, order: Workload, **body: Any) -> str:
        """How the control plane takes it."""
        report = Report(
            id=order.id,
            tenant_id=order.tenant_id,
            epoch=order.epoch,
            operations=[Operation(kind="connection_tested", body=body)],
        )
        batch = ReportBatch(agent_id=self.who.agent_id, epoch=self.who.epoch, reports=[report])
        return work.report_batch(batch).verdicts[0].verdict

    @contextmanager
    def serving(self, says: Says) -> Iterator[None]:
        """Takes one test from another thread, as soon as there is one."""
        over = threading.Event()

        def serve() -> None:
            try:
                while not over.is_set():
                    for order in self.claim():
                        assert order.connection_test is not None
                        self.given.append(order.connection_test.connection)
                        self.tell(order, **says(order.connection_test.connection))
                        return
                    over.wait(0.05)
            finally:
                connections.close_all()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
