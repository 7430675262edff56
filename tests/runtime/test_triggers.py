"""Triggers in a real agent with Airflow's own trigger runner: what they say, and whom a bad one hurts."""

from __future__ import annotations

from typing import Any

import pytest

from taskwire.workload import Workload
from tests.support.agent_process import RUNTIME, AgentProcess, Works
from tests.support.fake_gateway import FakeGateway

DOES = "own_triggers.Does"


def _does(works: Works, what: str, **more: Any) -> Workload:
    return works.trigger(classpath=DOES, kwargs={"what": what, "seconds": 0.0, **more})


def _said(gateway: FakeGateway, work: Workload, seconds: float = 60.0) -> tuple[str, dict[str, Any]]:
    gateway.finished(work, seconds)
    (operation,) = gateway.told[work.id, work.epoch].operations
    return operation.kind, operation.body


def test_an_event_is_told_with_its_payload_as_the_sdk_encodes_it(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    plain, dated = _does(works, "event", value={"found": [1, "a"]}), _does(works, "instant")
    gateway.give(plain, dated)
    assert _said(gateway, plain) == ("trigger_event", {"payload": {"found": [1, "a"]}})
    kind, body = _said(gateway, dated)
    at = body["payload"]["at"]
    assert (kind, at["__classname__"], at["__data__"]["timestamp"]) == (
        "trigger_event",
        "datetime.datetime",
        1767312000.0,
    )
    assert body["payload"]["words"] == ["a", 1, None]


def test_its_lines_are_in_the_log_of_its_task(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    one, other = _does(works, "event", seconds=2.0), _does(works, "skips", seconds=2.0)
    gateway.give(one, other)
    gateway.finished(one)
    gateway.finished(other)
    assert gateway.until_logged(one, "does event")
    assert gateway.until_logged(other, "does skips")
    assert not any("does skips" in str(event.get("event")) for event in gateway.log_events(one))


def test_one_whose_runtime_is_being_built_waits_for_it(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    work = _does(works, "event", value=1)
    work.runtime_digest = "not-built-yet"
    gateway.give(work)
    gateway.until_logged(work, "must be built first")
    runtimes = agent.directory / "runtimes"
    (runtimes / "not-built-yet").symlink_to((runtimes / RUNTIME).resolve())
    assert _said(gateway, work) == ("trigger_event", {"payload": 1})


def test_triggers_end_their_tasks_themselves(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    good, bad, skips = (_does(works, what) for what in ("succeeds", "fails", "skips"))
    gateway.give(good, bad, skips)
    ended = {"ends": "success", "xcoms": {"return_value": {"n": 3}}}
    assert _said(gateway, good) == ("trigger_event", ended)
    assert _said(gateway, bad)[1]["ends"] == "failed"
    assert _said(gateway, skips)[1]["ends"] == "skipped"


def test_one_that_raises_says_why(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    raising, silent, absent, strange = (
        _does(works, "raises"),
        _does(works, "ends silently"),
        works.trigger(classpath="own_triggers.Nowhere"),
        _does(works, "unstorable"),
    )
    wrong = works.trigger(classpath=DOES, kwargs={"wrong": 1})
    gateway.give(raising, silent, absent, strange, wrong)
    kind, body = _said(gateway, raising)
    assert (kind, body["error"]) == ("trigger_failed", "Trigger failure")
    assert "ValueError: this trigger is bad" in "".join(body["traceback"])
    assert _said(gateway, silent)[0] == "trigger_failed"
    assert "Nowhere" in "".join(_said(gateway, absent)[1]["traceback"])
    assert "wrong" in "".join(_said(gateway, wrong)[1]["traceback"])
    assert _said(gateway, strange)[0] == "trigger_failed"


def test_it_asks_with_the_right_of_the_task_that_waits(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    gateway.answers["GET", "variables/word"] = (200, {"key": "word", "value": "heard"})
    direct, threaded, other = (
        _does(works, "asks"),
        _does(works, "asks in a thread"),
        _does(works, "event", seconds=1.0),
    )
    gateway.give(other, direct, threaded)
    assert _said(gateway, direct) == ("trigger_event", {"payload": "heard"})
    assert _said(gateway, threaded) == ("trigger_event", {"payload": "heard"})
    tokens = [token for _, path, _, token, _ in gateway.asked if path == "variables/word"]
    assert sorted(tokens) == sorted(f"token-of-{work.id}" for work in (direct, threaded))


def test_one_that_was_stopped_does_not_ask_with_the_right_of_its_neighbour(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    """Its process hears of the end up to a second later; until then it asks on."""
    gateway.answers["GET", "variables/word"] = (200, {"key": "word", "value": "heard"})
    asking, neighbour = _does(works, "asks on and on"), _does(works, "event", seconds=6.0)
    gateway.give(asking, neighbour)
    begun = len(gateway.asked)
    gateway.until(lambda: len(gateway.asked) > begun + 20, "the trigger to ask")
    gateway.stop.append((asking.id, 1, "moved: another agent has it"))
    _until_let_go(gateway, asking)
    gateway.stop.clear()
    assert _said(gateway, neighbour) == ("trigger_event", {"payload": None})
    tokens = {token for _, path, _, token, _ in gateway.asked[begun:] if path == "variables/word"}
    assert tokens == {f"token-of-{asking.id}"}


def test_what_it_does_when_it_is_killed_asks_with_its_own_right(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    gateway.answers["GET", "variables/word"] = (200, {"key": "word", "value": "heard"})
    neighbour, killed = _does(works, "waits"), _does(works, "waits and asks at its end")
    gateway.give(neighbour, killed)
    gateway.until_logged(neighbour, "does waits")
    gateway.until_logged(killed, "does waits")
    begun = len(gateway.asked)
    gateway.stop.append((killed.id, 1, "gone: cleared"))
    assert gateway.until_logged(killed, "was told heard")
    gateway.stop.append((neighbour.id, 1, "gone: cleared"))
    _until_let_go(gateway, neighbour, killed)
    gateway.stop.clear()
    tokens = {token for _, path, _, token, _ in gateway.asked[begun:] if path == "variables/word"}
    assert tokens == {f"token-of-{killed.id}"}


def test_it_has_no_credential(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    work = _does(works, "looks")
    gateway.give(work)
    assert _said(gateway, work)[1]["payload"]["environment"] == []


def test_one_that_ends_the_process_fails_alone_with_the_reason(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    good = [_does(works, "event", seconds=8.0, value=number) for number in range(3)]
    bad, leaving = _does(works, "exits"), _does(works, "leaves")
    gateway.give(*good[:2], bad, leaving, good[2])
    kind, body = _said(gateway, bad, 120.0)
    assert kind == "trigger_failed"
    assert "exit code 7" in "".join(body["traceback"])
    assert _said(gateway, leaving, 120.0)[0] == "trigger_failed"
    for number, work in enumerate(good):
        assert _said(gateway, work, 120.0) == ("trigger_event", {"payload": number})


@pytest.mark.heavy
def test_one_that_blocks_the_loop_fails_alone_with_the_reason(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    """Silence is what tells it: 30 s each time."""
    bad, good = _does(works, "blocks"), _does(works, "event", seconds=40.0, value="well")
    gateway.give(bad, good)
    assert _said(gateway, good, 150.0) == ("trigger_event", {"payload": "well"})
    kind, body = _said(gateway, bad, 200.0)
    assert kind == "trigger_failed"
    assert "blocked the triggerer's event loop" in "".join(body["traceback"])


def test_one_that_is_stopped_by_a_person_hears_it_and_one_that_moved_does_not(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    killed, moved = _does(works, "waits"), _does(works, "waits")
    gateway.give(killed, moved)
    gateway.until_logged(killed, "does waits")
    gateway.until_logged(moved, "does waits")
    gateway.stop += [(killed.id, 1, "gone: cleared"), (moved.id, 1, "moved: another agent has it")]

    _until_let_go(gateway, killed, moved)
    gateway.stop.clear()
    assert gateway.until_logged(killed, "the trigger is stopped")
    assert gateway.until_logged(killed, "was killed by a person")
    assert not any("killed" in str(event.get("event")) for event in gateway.log_events(moved))
    assert not gateway.told.get((moved.id, 1))


def test_a_watcher_fires_again_and_again(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    work = works.trigger(classpath="own_triggers.Watches", watches=True, assets={"a": "file:///a"})
    gateway.give(work)
    gateway.until(lambda: len(gateway.operations(work, "trigger_event")) == 2, "two events")
    payloads = [body["payload"] for body in gateway.operations(work, "trigger_event")]
    assert payloads == [{"number": 0}, {"number": 1}]
    gateway.stop.append((work.id, 1, "gone: nobody watches"))
    _until_let_go(gateway, work)
    gateway.stop.clear()


def test_a_watcher_that_ends_begins_again(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    work = works.trigger(classpath="own_triggers.WatchesOnce", watches=True, assets={"a": "file:///a"})
    gateway.give(work)
    gateway.until(lambda: len(gateway.operations(work, "trigger_event")) == 3, "three events")
    keys = {body["key"] for body in gateway.operations(work, "trigger_event")}
    assert len(keys) == 3
    assert gateway.operations(work, "trigger_failed") == []
    gateway.stop.append((work.id, 1, "gone: nobody watches"))
    _until_let_go(gateway, work)
    gateway.stop.clear()


def test_a_watcher_that_raises_says_so_and_begins_again(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    work = works.trigger(
        classpath="own_triggers.WatchesOnce", kwargs={"times": 3}, watches=True, assets={"a": "file:///a"}
    )
    gateway.give(work)
    gateway.until(lambda: gateway.operations(work, "trigger_event"), "an event after the failures")
    (body,) = gateway.operations(work, "trigger_failed")
    assert "ValueError: no mailbox, 1" in "".join(body["traceback"])
    gateway.stop.append((work.id, 1, "gone: nobody watches"))
    _until_let_go(gateway, work)
    gateway.stop.clear()


@pytest.mark.heavy
def test_a_watcher_that_ends_its_process_stays_apart_and_is_tried_again(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    """Three deaths alone are told; it is never given up, and its neighbour goes on."""
    bad = works.trigger(
        classpath=DOES, kwargs={"what": "exits", "seconds": 0.5}, watches=True, assets={"a": "file:///a"}
    )
    good = _does(works, "event", seconds=15.0, value="well")
    gateway.give(bad, good)
    assert _said(gateway, good, 120.0) == ("trigger_event", {"payload": "well"})
    gateway.until(lambda: gateway.operations(bad, "trigger_failed"), "the deaths to be told", 120.0)
    (body,) = gateway.operations(bad, "trigger_failed")
    assert "exit code 7" in "".join(body["traceback"])
    assert (bad.id, 1) in {(id, epoch) for _, id, epoch in gateway.trigger_beats[-1].held}
    gateway.stop.append((bad.id, 1, "gone: nobody watches"))
    _until_let_go(gateway, bad)
    gateway.stop.clear()


def test_the_first_of_two_events_counts(gateway: FakeGateway, agent: AgentProcess, works: Works) -> None:
    work, later = _does(works, "event twice"), _does(works, "event", seconds=4.0)
    gateway.give(work, later)
    assert _said(gateway, work) == ("trigger_event", {"payload": "first"})
    gateway.finished(later)
    assert len(gateway.operations(work, "trigger_event")) == 1


@pytest.mark.heavy
def test_one_that_eats_the_memory_fails_alone_with_the_reason(
    gateway: FakeGateway, agent: AgentProcess, works: Works
) -> None:
    """What its own limit or the machine does to the process, its neighbours survive."""
    bad = _does(works, "floods", seconds=2.0)
    good = _does(works, "event", seconds=20.0, value="well")
    gateway.give(bad, good)
    assert _said(gateway, good, 240.0) == ("trigger_event", {"payload": "well"})
    kind, body = _said(gateway, bad, 240.0)
    told = "".join(body["traceback"])
    assert kind == "trigger_failed"
    assert "MemoryError" in told or "out of memory" in told or "signal 9" in told


def _until_let_go(gateway: FakeGateway, *works: Workload) -> None:
    """Told by a beat that began after now."""
    begun = len(gateway.trigger_beats)

    def left() -> bool:
        held = {id for beat in gateway.trigger_beats[-1:] for _, id, _ in beat.held}
        return len(gateway.trigger_beats) > begun and not held & {work.id for work in works}

    gateway.until(left, "triggers to be let go")
