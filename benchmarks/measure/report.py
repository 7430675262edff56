"""What a benchmark found: a table for people, JSON for machines, and the verdict of ``--gate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure.machine import Machine
from benchmarks.measure.statistics import ratios, spread

OURS = "aerodrome"
FILE_COLUMNS = 160


@dataclass(frozen=True)
class Metric:
    """One line of the table: a value per round and system.

    ``floor``: what ours must reach itself; ``floor_ratio``: how many times better than the peer it must be.
    """

    name: str
    unit: str
    rounds: dict[str, list[float]]
    bigger_is_better: bool = False
    floor: float | None = None
    floor_ratio: float | None = None


@dataclass
class Report:
    """Filled by a benchmark, shown at its end."""

    name: str
    machine: Machine
    metrics: list[Metric] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def missed(self) -> list[str]:
        """The floors that were not reached."""
        found = []
        for metric in self.metrics:
            values = metric.rounds.get(OURS)
            if not values:
                continue
            if metric.floor is not None:
                middle = spread(values).median
                if middle < metric.floor if metric.bigger_is_better else middle > metric.floor:
                    found.append(
                        f"{metric.name}: {_number(middle)} {metric.unit}, floor {_number(metric.floor)}"
                    )
            for peer, ratio in self._ratios(metric).items():
                middle = spread(ratio).median
                if metric.floor_ratio is not None and middle < metric.floor_ratio:
                    found.append(f"{metric.name}: {middle:.1f} times {peer}, floor {metric.floor_ratio:g}")
        return found

    def show(self) -> None:
        """The table, on standard output."""
        from rich.console import Console
        from rich.table import Table

        console = Console(highlight=False, soft_wrap=True)
        if not console.is_terminal:
            console = Console(highlight=False, soft_wrap=True, width=FILE_COLUMNS)
        console.print(f"\n[bold]{self.name}[/]: {self.machine.line}")
        if self.machine.warning:
            console.print(f"[yellow]{self.machine.warning}[/]")
        systems = list(dict.fromkeys(name for metric in self.metrics for name in metric.rounds))
        peers = [name for name in systems if name != OURS]
        table = Table("", *systems, *(f"times {peer}" for peer in peers), "floor", box=None, pad_edge=False)
        for metric in self.metrics:
            ratio = self._ratios(metric)
            table.add_row(
                f"{metric.name} ({metric.unit})",
                *(_spread(metric.rounds.get(name), _number) for name in systems),
                *(_spread(ratio.get(peer), lambda value: f"{value:.1f}") for peer in peers),
                _floor(metric),
            )
        console.print(table)
        for note in self.notes:
            console.print(f"- {note}", markup=False)
        for line in self.missed():
            console.print(f"[red]missed[/] {line}")

    def to_dict(self) -> dict[str, Any]:
        return {
            "benchmark": self.name,
            "machine": self.machine.to_dict(),
            "metrics": [
                {
                    "name": metric.name,
                    "unit": metric.unit,
                    "bigger_is_better": metric.bigger_is_better,
                    "floor": metric.floor,
                    "floor_ratio": metric.floor_ratio,
                    "rounds": metric.rounds,
                    "median": {name: spread(v).median for name, v in metric.rounds.items() if v},
                    "ratio_median": {name: spread(v).median for name, v in self._ratios(metric).items()},
                }
                for metric in self.metrics
            ],
            "missed": self.missed(),
            "notes": self.notes,
            "details": self.details,
        }

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n")

    def _ratios(self, metric: Metric) -> dict[str, list[float]]:
        ours = metric.rounds.get(OURS)
        return {
            name: ratios(ours, theirs, bigger_is_better=metric.bigger_is_better)
            for name, theirs in metric.rounds.items()
            if ours and name != OURS and len(theirs) == len(ours) and all((*ours, *theirs))
        }


def _spread(values: Sequence[float] | None, show: Any) -> str:
    if not values:
        return "-"
    found = spread(values)
    if found.count == 1:
        return str(show(found.median))
    return f"{show(found.median)}  ({show(found.low)} to {show(found.high)})"


def _floor(metric: Metric) -> str:
    parts = []
    if metric.floor is not None:
        parts.append(f"{'>=' if metric.bigger_is_better else '<='} {_number(metric.floor)}")
    if metric.floor_ratio is not None:
        parts.append(f">= {metric.floor_ratio:g} times")
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"
