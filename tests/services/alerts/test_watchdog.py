"""Operators hear that agents, the database, Redis or the scheduler are away, and that they are back: once each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connections

from controlplane.alerts.watchdog import SECONDS, Watchdog
from controlplane.foundation import heartbeats
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.agent import Agent
from domain.ids import uuid7
from tests.support.alerting import SIGNING, reaching_loopback
from tests.support.http_sink import HttpSink

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink, reaching_loopback():
        caches["default"].delete("heartbeat:scheduler")
        yield sink


@pytest.fixture
def watchdog(sink: HttpSink) -> Watchdog:
    channel = {"kind": "webhook", "secret": {"url": f"{sink.url}/ops", "signing_secret": SIGNING}}
    return Watchdog(channels=[channel], clock=utc_now)


@pytest.fixture
def agent() -> Callable[[timedelta], None]:
    """`agent(age)`: its lease ended so long ago."""
    row = Agent(id=uuid7(), name="worker-7", hostname="h", pid=1, slots=4, level="L0", queues=[])

    def leased(age: timedelta) -> None:
        row.lease_until, row.registered_at = utc_now() - age, utc_now()
        row.save(using="scheduler")

    return leased


def said(sink: HttpSink) -> list[dict[str, Any]]:
    return [posted.json()["data"] for posted in sink.posted]


def test_an_agent_that_stops_answering_pages_once_and_its_return_is_told(
    watchdog: Watchdog, agent: Callable[[timedelta], None], sink: HttpSink
) -> None:
    agent(timedelta(seconds=-60))
    assert watchdog.round(now=utc_now()) == []
    agent(timedelta(seconds=31))
    assert watchdog.round(now=utc_now()) == ["opened agents"]
    assert watchdog.round(now=utc_now()) == []
    [page] = said(sink)
    assert (page["severity"], page["cause"]) == ("page", "agents: 1 do not answer: worker-7")
    agent(timedelta(seconds=-60))
    assert watchdog.round(now=utc_now()) == ["resolved agents"]
    assert len({one["id"] for one in said(sink)}) == 1, "the end belongs to the same incident"


def test_a_page_comes_within_ninety_seconds() -> None:
    """An agent's lease is 30 s past when it is told of, and looked at every `SECONDS`."""
    assert 30 + heartbeats.ALIVE_SECONDS + SECONDS <= 90


def test_an_agent_that_was_taken_out_of_service_pages_nobody(
    watchdog: Watchdog, agent: Callable[[timedelta], None]
) -> None:
    agent(timedelta(hours=2))
    assert watchdog.round(now=utc_now()) == []


def test_a_scheduler_whose_heart_stopped(watchdog: Watchdog, sink: HttpSink) -> None:
    heartbeats.beat(service="scheduler", now=utc_now() - timedelta(seconds=heartbeats.ALIVE_SECONDS + 1))
    assert watchdog.round(now=utc_now()) == ["opened scheduler"]
    heartbeats.beat(service="scheduler", now=utc_now())
    assert watchdog.round(now=utc_now()) == ["resolved scheduler"]


def test_a_database_that_is_away_is_told_without_it(
    sink: HttpSink, watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe's thread opens a connection of its own: to a port where nobody listens."""
    monkeypatch.setitem(connections.settings["scheduler"], "HOST", "127.0.0.1")
    monkeypatch.setitem(connections.settings["scheduler"], "PORT", "1")
    assert watchdog.round(now=utc_now()) == ["opened database"]
    [page] = said(sink)
    assert page["cause"].startswith("database: it does not answer")
    monkeypatch.undo()
    with reaching_loopback():
        healthy = Watchdog(channels=watchdog._channels, clock=utc_now)
        assert "database" not in healthy.look(now=utc_now())


def test_what_no_receiver_took_is_said_again(
    watchdog: Watchdog, agent: Callable[[timedelta], None], sink: HttpSink
) -> None:
    agent(timedelta(seconds=31))
    sink.answers.append(500)
    assert watchdog.round(now=utc_now()) == []
    assert watchdog.round(now=utc_now()) == ["opened agents"]
