"""The claim loops: one long poll for tasks, one for parses and builds, one for callbacks, each for as many as it has
slots free."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.session import Session
from taskwire.agent import Claim
from taskwire.workload import Workload

log = logging.getLogger("aerodrome.agent")
WAIT_SECONDS = 20.0


class Slots:
    """How many workloads of one sort may still be claimed."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.changed = asyncio.Event()

    def take(self) -> None:
        self.free -= 1

    def give_back(self) -> None:
        self.free += 1
        self.changed.set()


async def claim_for_ever(
    *, session: Session, slots: Slots, sort: str, start: Callable[[Workload], None]
) -> None:
    """Claim work of this sort (`task`, `other`, `callback`, `trigger`) and hand each to `start`, until cancelled.

    `start` takes the slot and gives it back when the workload has ended.
    """
    pause = 0.05
    while True:
        if slots.free <= 0:
            slots.changed.clear()
            await slots.changed.wait()
            continue
        try:
            claimed = await session.call(
                lambda who: session.gateway.claim(
                    Claim(
                        agent_id=who.agent_id,
                        epoch=who.epoch,
                        slots=slots.free if sort == "task" else 0,
                        parse_slots=slots.free if sort == "other" else 0,
                        callback_slots=slots.free if sort == "callback" else 0,
                        trigger_slots=slots.free if sort == "trigger" else 0,
                        wait_seconds=WAIT_SECONDS,
                    )
                )
            )
        except (GatewayUnreachable, GatewayRefused) as error:
            log.warning("cannot claim: %s", error)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, 2.0)
            continue
        pause = 0.05
        for work in claimed.workloads:
            start(work)
