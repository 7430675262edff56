"""Backs up the installation, running or not: ./aerodrome backup FOLDER|FILE.tar [--keys FILE], or backup --daily.

Database, artefacts, logs, large XComs, Git repositories and the signed checkpoints of the audit. No key is in it: with
--keys FILE they are written to a file of their own, which is to be kept elsewhere and is needed to restore.
--daily puts one a day into AERODROME_BACKUP_FOLDER, and says so when it is there already: run it from a timer every hour.
With AERODROME_BACKUP_COPY each one is copied to a bucket, read back and compared.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from launcher.settings import Settings, SettingWrong, read_settings

_AGAIN_SECONDS = 3600.0
_LOOK_SECONDS = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("target", type=Path, nargs="?", metavar="FOLDER|FILE.tar", help="a new name")
    what.add_argument("--daily", action="store_true", help="the day's one, unless it is there")
    parser.add_argument(
        "--stay", action="store_true", help="with --daily: each day, until stopped (`up` does)"
    )
    parser.add_argument("--keys", type=Path, metavar="FILE", help="write the keys there; a new name")
    parser.add_argument("--admin-url", help="of a Postgres of your own: who sees every row, to dump it")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    settings = read_settings(environment=os.environ, checkout=checkout)
    # What was begun is taken away when it is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0 if arguments.stay else 143))
    if not arguments.daily:
        return _once(arguments, settings, checkout)
    if arguments.keys is not None:
        raise SettingWrong("--keys is for a backup by hand: once is enough, until a key is changed")
    while arguments.stay:
        try:
            _daily(arguments, settings, checkout)
            time.sleep(_LOOK_SECONDS)
        except Exception:  # whatever it is, it is tried again; the watchdog tells when it stays so
            traceback.print_exc()
            time.sleep(_AGAIN_SECONDS)
    _daily(arguments, settings, checkout)
    return 0


def _daily(arguments: argparse.Namespace, settings: Settings, checkout: Path) -> None:
    from launcher.backups.daily import back_up_daily

    made = back_up_daily(
        settings=settings,
        checkout=checkout,
        admin_url=arguments.admin_url,
        now=datetime.now(tz=UTC),
        tell=_tell,
    )
    if made is not None:
        print(f"Backed up to {made}.", flush=True)
    elif not arguments.stay:
        print(f"The day's backup is there: a new day begins at {settings.backup_hour}:00 UTC.")


def _once(arguments: argparse.Namespace, settings: Settings, checkout: Path) -> int:
    from launcher.backups.daily import finish
    from launcher.backups.take import take_backup

    started = time.monotonic()
    target = arguments.target.absolute()
    manifest = take_backup(
        settings=settings,
        checkout=checkout,
        target=target,
        keys_file=arguments.keys.absolute() if arguments.keys else None,
        admin_url=arguments.admin_url,
        tell=_tell,
    )
    finish(settings=settings, target=target, manifest=manifest, tell=_tell)
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


def _tell(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)
