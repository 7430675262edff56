"""Publishes a folder of DAGs in a tenant with a token, and waits until it is in force: for CI.

Exit status 0: it is in force, every file is imported and its canary, if it has one, has passed (or the tenant deploys
by hand and the bundle has no errors); 1: something must be mended; 2: it could not be done.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", type=Path, nargs="?", default=Path(), help="the bundle's root (default: here)"
    )
    parser.add_argument("--to", required=True, metavar="URL", help="the tenant: https://host/t/tenant")
    parser.add_argument(
        "--token", default=os.environ.get("AERODROME_TOKEN"), help="one that may push (AERODROME_TOKEN)"
    )
    parser.add_argument("--message", default="", help="what it is about, for people")
    parser.add_argument("--seconds", type=float, default=900.0, help="how long to wait (default: 900)")
    parser.add_argument("--format", choices=("text", "github"), default="text")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.upload import NotDeployed, Refused, deploy_folder, lines_of
    from launcher.validate.folder import FolderUnusable

    try:
        outcome = deploy_folder(
            root=arguments.path.absolute(), to=arguments.to, token=arguments.token, message=arguments.message,
            seconds=arguments.seconds, tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )  # fmt: skip
    except Refused as error:
        print(f"aerodrome: {error}", file=sys.stderr)
        return 1
    except (NotDeployed, FolderUnusable) as error:
        print(f"aerodrome: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines_of(outcome, as_github=arguments.format == "github")))
    return 0 if outcome.is_good else 1
