"""A trigger or callback whose runtime never comes: it fails with the reason once the agent has waited long enough."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aerodrome_runtime.agent import callback, triggers
from aerodrome_runtime.agent.callback import CallbackAttempt
from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.tasklog import TaskLog
from aerodrome_runtime.agent.triggers import Triggers
from taskwire.agent import Operation, Verdict
from taskwire.workload import Workload
from tests.support.agent_process import Works
from tests.support.fake_gateway import FakeGateway


class Recorder:
    """A reporter and a shipper that keep what they are told."""

    def __init__(self) -> None:
        self.told: list[Operation] = []

    async def submit(self, *, operations: list[Operation], **which: Any) -> Verdict:
        self.told += operations
        return Verdict(id=which["id"], epoch=which["epoch"], verdict="accepted")

    def open(self, **which: Any) -> None:
        pass

    def is_open(self, **which: Any) -> bool:
        return True

    async def flush(self, **which: Any) -> None:
        pass

    def finish(self, **which: Any) -> None:
        pass


def _told(works: Works, folder: Path, looks: int) -> list[Operation]:
    """What is reported of a trigger before the agent stops."""
    recorder: Any = Recorder()
    unused: Any = None
    work: Workload = works.trigger(classpath="own_triggers.Does", kwargs={})
    work.runtime_digest = "not-built"

    async def over() -> list[Operation]:
        kept = Triggers(
            bundles=unused, zygotes=unused, confinement=unused, runtimes=folder, reporter=recorder,
            shipper=recorder, client=lambda token: unused, given_back=lambda: None,
        )  # fmt: skip
        kept.start(work)
        for _ in range(looks):
            await asyncio.sleep(0.01)
            if recorder.told:
                break
        told = list(recorder.told)
        await kept.close()
        return told

    return asyncio.run(over())


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(callback, "AGAIN_SECONDS", 0.01)


def test_it_fails_when_the_agent_has_waited_long_enough(
    gateway: FakeGateway, works: Works, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "PATIENCE_SECONDS", 0.1)
    (told,) = _told(works, tmp_path, looks=2000)
    assert told.kind == "trigger_failed"
    assert "runtime not-built is not on this agent" in str(told.body["traceback"])


def test_before_that_it_waits(gateway: FakeGateway, works: Works, tmp_path: Path) -> None:
    assert _told(works, tmp_path, looks=30) == []


def _called(works: Works, folder: Path, *, leaves: bool) -> list[tuple[str, str]]:
    """What is reported of a callback, by an agent that leaves meanwhile or stays."""
    recorder: Any = Recorder()
    unused: Any = None
    work = works.callback(kind="task_failure", dag_id="called_back", task_id="fails")
    work.runtime_digest = "not-built"
    assert work.callback is not None

    async def over() -> None:
        mask = Mask([])
        task_log = TaskLog(key="log", mask=mask, cap_bytes=1000)
        attempt = CallbackAttempt(
            work=work, order=work.callback, reporter=recorder, client=unused, mask=mask, callback_log=task_log
        )
        running = asyncio.create_task(
            attempt.run(bundles=unused, spares=unused, shipper=recorder, runtimes=folder)
        )
        await asyncio.sleep(0.05)
        if leaves:
            assert not running.done(), "it waits"
            attempt.stop("the agent is shutting down")
        await asyncio.wait_for(running, 20)

    asyncio.run(over())
    return [(one.kind, one.body.get("state", "")) for one in recorder.told]


def test_a_callback_fails_when_the_agent_has_waited_long_enough(
    gateway: FakeGateway, works: Works, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "PATIENCE_SECONDS", 0.1)
    assert _called(works, tmp_path, leaves=False) == [("callback_done", "failed")]


def test_one_that_waits_is_left_to_another_agent(gateway: FakeGateway, works: Works, tmp_path: Path) -> None:
    assert _called(works, tmp_path, leaves=True) == []
