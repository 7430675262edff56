"""From instants and rows to hops and rates."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.chain import measure
from benchmarks.fanout import span

MS = 1_000_000


def test_hops_are_between_the_bodies() -> None:
    chain = measure(5 * MS, [[10 * MS, 11 * MS], [31 * MS, 33 * MS], [63 * MS, 64 * MS]])
    assert chain.to_first == 5.0
    assert chain.hops == [20.0, 30.0]
    assert chain.bodies == [1.0, 2.0, 1.0]
    assert chain.wall == 54.0


def _row(second: int, *, task_id: str = "nothing", state: str = "success") -> dict[str, Any]:
    return {
        "task_id": task_id,
        "state": state,
        "start_date": f"2026-01-01T00:00:{second:02}Z",
        "end_date": f"2026-01-01T00:00:{second + 2:02}Z",
    }


def test_only_the_mapped_tasks_count() -> None:
    assert span([_row(10), _row(14), _row(1, task_id="items")], 2) == 6.0


def test_a_run_that_is_not_whole_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="1 mapped tasks, 2 expected"):
        span([_row(10)], 2)
    with pytest.raises(RuntimeError, match="not all successful"):
        span([_row(10), _row(14, state="failed")], 2)
