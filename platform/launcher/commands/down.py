"""Stops the stack: running tasks are ended and reported (retried while tries are left), servers stop cleanly."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from launcher.settings import read_settings
from launcher.stop import stop_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser  # takes none


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    data = read_settings(environment=os.environ, checkout=checkout).data
    stopped = stop_stack(data=data, tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True))
    print(f"The stack on {data} is stopped." if stopped else f"No stack runs on {data}.")
    return 0
