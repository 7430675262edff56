"""Ids are ordered, names are safe, run ids read as Airflow's do."""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import ids
from domain.ids import is_slug, random_suffix, run_id_for, uuid7, uuid7_at

NOON = datetime(2025, 1, 1, 12, 0, 0, 250000, tzinfo=UTC)


def test_ids_grow_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = [uuid7() for _ in range(5000)]
    after = time.time_ns() // 1_000_000
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    for one in (made[0], made[-1]):
        assert (one.version, one.variant) == (7, RFC_4122)
        assert before <= one.int >> 80 <= after + 1


def test_ids_grow_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_000_000)
    second = uuid7()
    assert second > first
    assert second.int >> 80 == first.int >> 80


def test_a_full_millisecond_borrows_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first = uuid7()
    monkeypatch.setattr(ids, "_last_counter", ids._COUNTER_LIMIT - 1)
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    second = uuid7()
    assert second > first
    assert second.int >> 80 == (first.int >> 80) + 1


def test_threads_never_share_an_id() -> None:
    made: list[UUID] = []

    def make() -> None:
        made.extend([uuid7() for _ in range(2000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000


def test_a_fork_shares_no_id() -> None:
    uuid7()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"".join(uuid7().bytes for _ in range(50)))
        os._exit(0)
    os.close(writer)
    ours = {uuid7() for _ in range(50)}
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    theirs = {UUID(bytes=data[i : i + 16]) for i in range(0, len(data), 16)}
    assert len(theirs) == 50
    assert not ours & theirs


@settings(max_examples=50, deadline=None)
@given(unix_ms=st.integers(0, 2**48 - 1))
def test_an_id_of_a_given_instant(unix_ms: int) -> None:
    one = uuid7_at(unix_ms)
    assert one.int >> 80 == unix_ms
    assert (one.version, one.variant) == (7, RFC_4122)


@pytest.mark.parametrize("text", ["a", "acme", "acme-2", "a-b-c", "a" * 40, "x9"])
def test_slugs(text: str) -> None:
    assert is_slug(text)


@pytest.mark.parametrize(
    "text",
    ["", "-a", "a-", "a--b", "9a", "Acme", "a_b", "a.b", "a/b", "..", "a b", "a\n", "ä", "a" * 41, "a٣"],
)
def test_not_slugs(text: str) -> None:
    assert not is_slug(text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=50))
def test_a_slug_is_a_dns_label(text: str) -> None:
    if is_slug(text):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text)


def test_run_ids_are_airflows() -> None:
    midnight = datetime(2025, 1, 1, tzinfo=UTC)
    scheduled = run_id_for(
        run_type="scheduled", run_after=midnight, logical_date=midnight - timedelta(days=1)
    )
    assert scheduled == "scheduled__2025-01-01T00:00:00+00:00"
    assert run_id_for(run_type="manual", run_after=NOON) == "manual__2025-01-01T12:00:00.250000+00:00"
    triggered = run_id_for(run_type="asset_triggered", run_after=midnight, suffix="aB3xY9z0")
    assert triggered == "asset_triggered__2025-01-01T00:00:00+00:00_aB3xY9z0"
    dated = run_id_for(run_type="backfill", run_after=midnight, logical_date=midnight, suffix="aB3xY9z0")
    assert dated == "backfill__2025-01-01T00:00:00+00:00"


def test_run_ids_keep_the_zone_they_are_given() -> None:
    berlin = datetime(2025, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    assert run_id_for(run_type="manual", run_after=berlin) == "manual__2025-01-01T01:00:00+01:00"
    with pytest.raises(ValueError, match="no time zone"):
        run_id_for(run_type="manual", run_after=datetime(2025, 1, 1))


def test_suffixes_are_eight_letters_and_digits() -> None:
    made = {random_suffix() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch("[A-Za-z0-9]{8}", one) for one in made)
