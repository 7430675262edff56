"""Retry delays are Airflow's to the second; a retry follows exactly as often as `retries` says."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.retries import MAX_RETRY_DELAY_SECONDS, delay_seconds, should_retry

HERE = Path(__file__).parent
ROWS: list[list[Any]] = json.loads((HERE.parent / "fixtures" / "retries.json").read_text())


def ours(row: list[Any]) -> float:
    delay, multiplier, greatest, try_number, task_id, date, _ = row
    return delay_seconds(
        retry_delay_seconds=delay,
        multiplier=multiplier,
        max_retry_delay_seconds=greatest,
        try_number=try_number,
        key=("payments", task_id, None if date is None else datetime.fromisoformat(date)),
    )


def test_delays_are_airflows() -> None:
    assert len(ROWS) > 1000
    assert len({row[-1] for row in ROWS}) > 50
    for row in ROWS:
        assert ours(row) == row[-1], row


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_airflow_still_gives_the_stored_answers() -> None:
    python = os.environ["AERODROME_TEST_RUNTIME"]
    done = subprocess.run([python, HERE / "oracle_retries.py"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ROWS


def test_the_same_instant_in_another_zone_gives_the_same_delay() -> None:
    row = [300.0, 2.0, None, 3, "load", "2025-01-01T00:00:00+00:00", None]
    there = [300.0, 2.0, None, 3, "load", "2025-01-01T05:30:00+05:30", None]
    assert ours(row) == ours(there)


@settings(max_examples=150, deadline=None)
@given(
    delay=st.floats(0, 1e6),
    multiplier=st.floats(1.01, 50),
    greatest=st.none() | st.floats(1, 1e6),
    try_number=st.integers(1, 10_000),
    task_id=st.text(max_size=20),
)
def test_a_growing_delay_stays_in_bounds(
    delay: float, multiplier: float, greatest: float | None, try_number: int, task_id: str
) -> None:
    found = delay_seconds(
        retry_delay_seconds=delay,
        multiplier=multiplier,
        max_retry_delay_seconds=greatest,
        try_number=try_number,
        key=("d", task_id, datetime(2025, 1, 1, tzinfo=UTC)),
    )
    assert 1 <= found <= MAX_RETRY_DELAY_SECONDS
    if greatest is not None:
        assert found <= greatest
    else:
        assert found >= min(delay, MAX_RETRY_DELAY_SECONDS)


@pytest.mark.parametrize("retries", range(5))
def test_retries_are_counted(retries: int) -> None:
    tries = 1
    while should_retry(try_number=tries, max_tries=retries):
        tries += 1
    assert tries == retries + 1


def test_a_cleared_running_task_is_always_tried_again() -> None:
    assert should_retry(try_number=9, max_tries=0, is_restarting=True)
    assert not should_retry(try_number=9, max_tries=0)
