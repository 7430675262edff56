"""The options that every benchmark takes, and how it ends."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.measure.report import Report


def parser(
    name: str, about: str, *, rounds: int, peers: tuple[str, ...] = ("none", "airflow")
) -> argparse.ArgumentParser:
    """A parser with ``--json --gate --quick --rounds --peers``; add your own."""
    found = argparse.ArgumentParser(prog=f"aerodrome bench {name}", description=about)
    found.add_argument("--json", type=Path, metavar="FILE", help="also write everything to FILE")
    found.add_argument("--gate", action="store_true", help="exit status 1 when a floor is missed")
    found.add_argument("--quick", action="store_true", help="small and imprecise, to see that it works")
    found.add_argument("--rounds", type=int, default=None, help=f"rounds (default {rounds}, quick: 1)")
    found.add_argument(
        "--peers", choices=peers, default="none", help="what to measure beside ours, in the same rounds"
    )
    found.set_defaults(default_rounds=rounds)
    return found


def rounds_of(options: argparse.Namespace) -> int:
    """How many rounds were asked for."""
    return int(options.rounds or (1 if options.quick else options.default_rounds))


def finish(report: Report, options: argparse.Namespace) -> int:
    """Show and write the report; the exit status."""
    report.show()
    if options.json:
        report.write(options.json)
    return 1 if options.gate and report.missed() else 0


def tell(line: str) -> None:
    """Progress, on standard error."""
    print(f"  {line}", file=sys.stderr, flush=True)
