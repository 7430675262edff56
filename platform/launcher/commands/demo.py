"""Signs up a tenant, pushes the example DAGs, shows every task until all runs are finished, and stays up."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from launcher.data_folder import find_holder
from launcher.detached import running_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exit",
        action="store_true",
        help="stop after the table; exit status 0 if every run ended as expected",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to FILE")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.demo.walk import run_demo

    with running_stack(checkout=checkout, environment=os.environ, tell=_tell) as stack:
        status = run_demo(stack=stack, exit_after=arguments.exit, json_path=arguments.json)
        if not arguments.exit:
            _tell("the stack stays up; Ctrl-C stops it")
            _stay(stack.data)
    return status


def _stay(data: Path) -> None:
    """Until Ctrl-C, or until the stack is stopped from elsewhere."""
    try:
        while find_holder(data=data) is not None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        return


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
