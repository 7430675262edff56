"""Floors: what is missed, and what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.measure.machine import Machine
from benchmarks.measure.report import OURS, Metric, Report

MACHINE = Machine(cores=2, memory_gib=24, load_1min=0.1, kernel="6.1", cpu="a processor")


def _report(*metrics: Metric) -> Report:
    return Report("test", MACHINE, metrics=list(metrics))


def test_a_floor_of_our_own() -> None:
    slow = Metric("hop", "ms", {OURS: [30.0, 26.0, 31.0]}, floor=27)
    fast = Metric("hop", "ms", {OURS: [30.0, 26.0, 20.0]}, floor=27)
    rate = Metric("rate", "1/s", {OURS: [26.0]}, bigger_is_better=True, floor=27)
    assert len(_report(slow, rate).missed()) == 2
    assert _report(fast).missed() == []


def test_a_floor_against_a_peer() -> None:
    rounds = {OURS: [1.0, 1.0], "peer": [11.0, 14.0]}
    assert _report(Metric("wall", "s", rounds, floor_ratio=12)).missed() == []
    assert len(_report(Metric("wall", "s", rounds, floor_ratio=13)).missed()) == 1


def test_without_the_peer_its_floor_is_not_judged() -> None:
    assert _report(Metric("wall", "s", {OURS: [1.0]}, floor_ratio=12)).missed() == []


def test_what_is_written_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _report(Metric("wall", "s", {OURS: [1.0], "peer": [20.0]}, floor_ratio=12))
    report.write(tmp_path / "out.json")
    read = json.loads((tmp_path / "out.json").read_text())
    assert read["metrics"][0]["ratio_median"] == {"peer": 20.0}
    assert read["missed"] == []
    report.show()
    assert "20.0" in capsys.readouterr().out


def test_a_busy_machine_is_said() -> None:
    busy = Machine(cores=2, memory_gib=24, load_1min=0.6, kernel="6.1", cpu="a processor")
    assert MACHINE.warning is None
    assert busy.warning is not None
    assert busy.to_dict()["warning"] == busy.warning
