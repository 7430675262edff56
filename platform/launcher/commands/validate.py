"""Checks a folder of DAGs as a push of it would be checked, and lints it: for pre-commit and CI.

Exit status 0: it would be accepted; 1: something must be mended first; 2: it could not be checked.
What is checked besides, and how strictly, is said in aerodrome.toml (docs/how-to/check-dags-before-a-push.md).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from launcher.settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, nargs="?", default=Path(), help="the bundle's root (default: here)"
    )
    parser.add_argument("--format", choices=("text", "json", "github"), default="text")
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument(
        "--against",
        metavar="URL|FILE",
        help="say what a push would change: https://host/t/tenant, or a verdict in JSON",
    )
    parser.add_argument(
        "--token", default=os.environ.get("AERODROME_TOKEN"), help="for --against (AERODROME_TOKEN)"
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.validate import show
    from launcher.validate.check import check_folder
    from launcher.validate.refusals import REFUSALS

    try:
        verdict = check_folder(
            root=arguments.path.absolute(), against=arguments.against, token=arguments.token,
            settings=read_settings(environment=os.environ, checkout=checkout), checkout=checkout,
            environment=os.environ, tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )  # fmt: skip
    except REFUSALS as error:
        print(f"aerodrome: {error}", file=sys.stderr)
        return 2
    if arguments.format == "json":
        print(show.as_json(verdict))
    else:
        lines = show.as_github(verdict) if arguments.format == "github" else show.as_text(verdict)
        print("\n".join(lines))
    return 1 if verdict.is_refused(strict=arguments.strict) else 0
