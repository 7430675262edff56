"""Backs up the installation, running or not: ./aerodrome backup FOLDER|FILE.tar [--keys FILE].

Database, artefacts, logs, large XComs, Git repositories and the signed checkpoints of the audit. No key is in it: with
--keys FILE they are written to a file of their own, which is to be kept elsewhere and is needed to restore.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from launcher.settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", type=Path, metavar="FOLDER|FILE.tar", help="a new name")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="write the keys there; a new name")
    parser.add_argument("--admin-url", help="of a Postgres of your own: who sees every row, to dump it")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.backups.take import take_backup

    started = time.monotonic()
    manifest = take_backup(
        settings=read_settings(environment=os.environ, checkout=checkout),
        checkout=checkout,
        target=arguments.target.absolute(),
        keys_file=arguments.keys.absolute() if arguments.keys else None,
        admin_url=arguments.admin_url,
        tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
    )
    seconds = time.monotonic() - started
    print(f"Backed up to {arguments.target} in {seconds:.0f} s. It stands for {manifest.taken_at}.")
    if arguments.keys is None:
        print(
            "The keys are not in it. Without them it cannot be restored: --keys FILE writes them, once is enough."
        )
    else:
        print(
            f"The keys are in {arguments.keys}: keep them apart from the backup, they open every secret in it."
        )
    return 0
