"""Starts everything and stays in front; Ctrl-C stops it. --detach leaves it in the background."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from launcher.detached import start_detached
from launcher.settings import read_settings
from launcher.stack import run_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detach", action="store_true", help="return when all is healthy; stop it with `down`"
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    if arguments.detach:
        stack = start_detached(checkout=checkout, environment=os.environ, tell=_tell)
        print(f"Aerodrome runs at {stack.base_url}  (./aerodrome status, ./aerodrome down)")
        return 0
    settings = read_settings(environment=os.environ, checkout=checkout)
    run_stack(settings=settings, checkout=checkout, caller=os.environ, tell=_tell, on_ready=_greet)
    return 0


def _greet(facts: dict[str, Any]) -> None:
    print(
        f"Aerodrome runs at {facts['base_url']}  (Ctrl-C stops it; logs in {facts['data_dir']}/logs)",
        flush=True,
    )


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
