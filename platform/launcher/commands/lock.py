"""Makes the lock files anew from requirements/*.in and runtime/locks/*.in."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from launcher.lock_files import make_locks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--upgrade", action="store_true", help="take the newest versions; by default locked ones stay"
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    make_locks(checkout=checkout, upgrade=arguments.upgrade, tell=lambda line: print(line, file=sys.stderr))
    return 0
