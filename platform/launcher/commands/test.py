"""Runs the checks and the tests. With pytest's arguments, only the tests that they choose."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

_ARCHITECTURE = "tests/architecture"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also those marked heavy, which take minutes each")
    parser.set_defaults(rest=[])
    parser.epilog = "Everything else goes to pytest: ./aerodrome test tests/launcher -k valkey"


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    """Every step runs, also after one failed. Pytest's closing line comes last unless a check failed."""
    programs = Path(sys.executable).parent
    pytest = [sys.executable, "-m", "pytest", *([] if arguments.all else ["-m", "not heavy"])]
    if arguments.rest:
        return _run("tests", [*pytest, *arguments.rest], checkout)
    steps = {
        "ruff check": [str(programs / "ruff"), "check", "."],
        "ruff format": [str(programs / "ruff"), "format", "--check", "."],
        "types": [str(programs / "mypy")],
        "import contracts": [str(programs / "lint-imports")],
        "architecture": [sys.executable, "-m", "pytest", "-q", _ARCHITECTURE],
        "tests": [*pytest, f"--ignore={_ARCHITECTURE}"],
    }
    failed = [name for name, command in steps.items() if _run(name, command, checkout) != 0]
    if failed:
        print(f"\naerodrome test: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def _run(name: str, command: list[str], checkout: Path) -> int:
    print(f"\n=== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
    started = time.monotonic()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"}
    status = subprocess.run(command, cwd=checkout, env=environment, check=False).returncode
    if name != "tests":
        print(
            f"--- {name}: {'ok' if status == 0 else f'FAILED ({status})'}, {time.monotonic() - started:.1f} s"
        )
    return status
