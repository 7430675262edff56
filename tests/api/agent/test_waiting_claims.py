"""When a waiting claim asks the database: at news and where something was left, not for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from api.agent import gateway as gateways
from api.agent.gateway import Gateway
from controlplane.executors.local import CHANNEL
from controlplane.foundation.db import ORDERS
from taskwire.agent import Claim, Claimed
from taskwire.workload import Workload


class Ledger:
    """Stands where the database is: hands out what it holds and counts how often it was asked."""

    def __init__(self) -> None:
        self.waiting: list[Workload] = []
        self.asked = 0

    def claim(self, message: Claim) -> Claimed:
        self.asked += 1
        room = message.slots + message.parse_slots
        given, self.waiting = self.waiting[:room], self.waiting[room:]
        return Claimed(workloads=given)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    held = Ledger()
    monkeypatch.setattr(gateways.work, "claim", held.claim)
    return held


def _work(number: int) -> Workload:
    return Workload(id=str(number), tenant_id="t", tenant="t", epoch=1, kind="task")


def _claim(*, slots: int = 2, parse_slots: int = 0, epoch: int = 1) -> Claim:
    return Claim(agent_id="a", epoch=epoch, slots=slots, parse_slots=parse_slots, wait_seconds=30.0)


def _run(steps: Coroutine[Any, Any, None]) -> None:
    asyncio.run(steps)


async def _settled(gateway: Gateway, message: Claim) -> asyncio.Task[Claimed]:
    """A claim that has asked whatever it asks before it waits: a later call on the same thread pool has ended."""
    waiting = asyncio.create_task(gateway._wait_for_work(message))
    for _ in range(20):
        await asyncio.get_running_loop().run_in_executor(gateway._threads, lambda: None)
    return waiting


async def _stop(waiting: asyncio.Task[Claimed]) -> None:
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


def test_a_claim_after_one_that_left_nothing_waits_without_asking(ledger: Ledger) -> None:
    async def steps() -> None:
        gateway = Gateway(token="t")
        ledger.waiting = [_work(1)]
        assert len((await gateway._wait_for_work(_claim())).workloads) == 1
        waiting = await _settled(gateway, _claim())
        assert ledger.asked == 1
        ledger.waiting = [_work(2)]
        gateway._wake()
        assert [one.id for one in (await waiting).workloads] == ["2"]
        assert ledger.asked == 2

    _run(steps())


def test_a_claim_after_one_that_filled_its_room_asks_at_once(ledger: Ledger) -> None:
    async def steps() -> None:
        gateway = Gateway(token="t")
        ledger.waiting = [_work(number) for number in range(3)]
        assert len((await gateway._wait_for_work(_claim())).workloads) == 2
        assert len((await gateway._wait_for_work(_claim())).workloads) == 1

    _run(steps())


def test_other_work_a_new_epoch_and_news_in_between_are_asked_for(ledger: Ledger) -> None:
    async def steps() -> None:
        gateway = Gateway(token="t")
        dry = await _settled(gateway, _claim())
        others = [
            await _settled(gateway, _claim(slots=0, parse_slots=1)),
            await _settled(gateway, _claim(epoch=2)),
        ]
        assert ledger.asked == 3
        gateway._wake()
        late = await _settled(gateway, _claim())
        assert ledger.asked >= 6
        for waiting in (dry, late, *others):
            await _stop(waiting)

    _run(steps())


def test_without_news_the_database_is_asked_all_the_same(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notification can be lost: the wait is bounded."""
    monkeypatch.setattr(gateways, "LOOK_SECONDS", 0.0)

    async def steps() -> None:
        gateway = Gateway(token="t")
        waiting = await _settled(gateway, _claim())
        ledger.waiting = [_work(1)]
        assert [one.id for one in (await waiting).workloads] == ["1"]

    _run(steps())


def test_news_of_tasks_wake_no_claim_of_other_work(ledger: Ledger) -> None:
    async def steps() -> None:
        gateway = Gateway(token="t")
        tasks = await _settled(gateway, _claim())
        orders = await _settled(gateway, _claim(slots=0, parse_slots=1))
        assert ledger.asked == 2
        gateway._wake({CHANNEL})
        for _ in range(20):
            await asyncio.get_running_loop().run_in_executor(gateway._threads, lambda: None)
        assert ledger.asked == 3
        gateway._wake({ORDERS})
        for _ in range(20):
            await asyncio.get_running_loop().run_in_executor(gateway._threads, lambda: None)
        assert ledger.asked == 4
        for waiting in (tasks, orders):
            await _stop(waiting)

    _run(steps())
