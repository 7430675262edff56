"""Brings a backup back into an empty data folder: ./aerodrome restore FOLDER|FILE.tar|s3://… [--keys FILE] [--until INSTANT].

A copy in a bucket (AERODROME_BACKUP_COPY) is fetched, compared and unpacked beside the data folder first.

Set AERODROME_DATA to the new folder. Refuses one that is not empty, a backup of another release, wrong keys and
damaged files, before it writes. For one tenant alone: ./aerodrome tenant restore --help.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from launcher.settings import read_settings


def instant(text: str) -> datetime:
    """An instant with its zone, as ISO 8601 writes it."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"write the zone as well: {text}Z or {text}+01:00")
    return found.astimezone(UTC)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("backup", metavar="FOLDER|FILE.tar|s3://BUCKET/PREFIX/NAME.tar")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="what `backup --keys FILE` wrote")
    parser.add_argument("--until", type=instant, metavar="INSTANT", help="later than the backup; needs --wal")
    parser.add_argument("--wal", type=Path, metavar="FOLDER", help="the log archive (AERODROME_WAL_ARCHIVE)")
    parser.add_argument("--admin-url", help="of a Postgres of your own: who may fill it")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.backups.put_back import put_back
    from launcher.backups.take import opened

    settings = read_settings(environment=os.environ, checkout=checkout)
    if arguments.backup.startswith("s3://"):
        from launcher.backups.off_site import fetched

        found = fetched(url=arguments.backup, settings=settings)
    else:
        found = opened(backup=Path(arguments.backup).absolute())
    with found as backup:
        done = put_back(
            settings=settings,
            checkout=checkout,
            backup=backup,
            keys_file=arguments.keys.absolute() if arguments.keys else None,
            until=arguments.until,
            archive=arguments.wal.absolute() if arguments.wal else settings.wal_archive,
            admin_url=arguments.admin_url,
            tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )
    lost = (datetime.now(tz=UTC) - done.as_of).total_seconds()
    print(
        f"Restored to {settings.data}: {done.tenants} tenants, {done.files} files, as of {done.as_of.isoformat()}."
    )
    print(f"It took {done.seconds:.0f} s (RTO); what was done in the last {lost:.0f} s is not in it (RPO).")
    print("Start it with ./aerodrome up, look with ./aerodrome verify-audit, and take a new backup.")
    return 0
