"""One tenant of the stack that runs: ./aerodrome tenant export|import|start|restore. Each has its own --help.

export SLUG FILE [--passphrase-file F]            its rows and objects to a new file
import FILE --owner NAME [--as SLUG] [--start]    a tenant made of such a file
start SLUG                                        schedule for an imported tenant
restore SLUG --from BACKUP [--until INSTANT]      as it was then, in place; or beside: --as SLUG --owner NAME
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from launcher.commands.restore import instant
from launcher.settings import read_settings
from launcher.status_file import read_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True)
    export = what.add_parser("export")
    export.add_argument("slug")
    export.add_argument("file", type=Path, help="a new name")
    bring = what.add_parser("import")
    bring.add_argument("file", type=Path)
    bring.add_argument("--as", dest="slug", help="its name; by default the archive's own")
    bring.add_argument("--owner", required=True, help="a person of this installation, who owns it")
    bring.add_argument("--start", action="store_true", help="schedule its DAGs at once")
    for one in (export, bring):
        one.add_argument("--passphrase-file", type=Path, help="secrets are sealed under its first line")
    start = what.add_parser("start")
    start.add_argument("slug")
    back = what.add_parser("restore")
    back.add_argument("slug")
    back.add_argument("--from", dest="backup", type=Path, required=True, help="what `backup` wrote")
    back.add_argument("--keys", type=Path, help="of the backup, when it is of another installation")
    back.add_argument("--until", type=instant, metavar="INSTANT", help="later than the backup; needs --wal")
    back.add_argument("--wal", type=Path, metavar="FOLDER", help="the log archive (AERODROME_WAL_ARCHIVE)")
    back.add_argument("--as", dest="new_slug", metavar="SLUG", help="beside the living one, under this name")
    back.add_argument("--owner", help="with --as: who owns it")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.backups.manage import Manage
    from launcher.backups.one_tenant import restore_one

    settings = read_settings(environment=os.environ, checkout=checkout)
    status = read_status(data=settings.data, now=time.time())
    if "database" not in status:
        print("aerodrome: no stack runs here: start it with ./aerodrome up", file=sys.stderr)
        return 3
    manage = Manage.of_status(status=status, settings=settings, checkout=checkout, caller=os.environ)
    if arguments.what == "start":
        return manage.run("start_tenant", arguments.slug)
    if arguments.what == "restore":
        if bool(arguments.new_slug) != bool(arguments.owner):
            print("aerodrome: --as and --owner go together", file=sys.stderr)
            return 2
        return restore_one(
            manage=manage,
            settings=settings,
            checkout=checkout,
            backup=arguments.backup.absolute(),
            keys_file=_absolute(arguments.keys),
            slug=arguments.slug,
            until=arguments.until,
            archive=_absolute(arguments.wal) or settings.wal_archive,
            new_slug=arguments.new_slug,
            owner=arguments.owner,
            tell=lambda line: print(f"  {line}", file=sys.stderr, flush=True),
        )
    secret = (
        ["--passphrase-file", str(arguments.passphrase_file.absolute())] if arguments.passphrase_file else []
    )
    if arguments.what == "export":
        return manage.run("export_tenant", arguments.slug, str(arguments.file.absolute()), *secret)
    named = ["--as", arguments.slug] if arguments.slug else []
    begun = ["--start"] if arguments.start else []
    file = str(arguments.file.absolute())
    return manage.run("import_tenant", file, "--owner", arguments.owner, *named, *begun, *secret)


def _absolute(path: Path | None) -> Path | None:
    return path.absolute() if path else None
