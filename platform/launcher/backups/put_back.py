"""Brings a backup back into an empty data folder: checked before anything is written, started once to be sure.

What was begun is taken away again when it fails: the folder was empty. Afterwards `./aerodrome up` starts as usual.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2

from launcher.backups import database_copies
from launcher.backups.file_copies import copy_back, sha256_of
from launcher.backups.keys import find_keys, place_keys
from launcher.backups.manifest import LIST, BackupUnusable, Manifest, read_manifest
from launcher.data_folder import held, lay_out
from launcher.embedded.roles import DATABASE
from launcher.settings import Settings

BUILD_AGAIN = """
DELETE FROM workload WHERE kind = 'build';
UPDATE runtime SET state = 'queued' WHERE state IN ('ready', 'building');
INSERT INTO work_item (tenant_id, kind, ref, due_at)
SELECT tenant_id, 'build', id, now() FROM runtime WHERE state = 'queued'
"""
"""Runtimes are not in a backup: the agents of the restored installation build them before anything else is due."""


class TargetNotEmpty(Exception):
    """Something is there already; nothing was touched."""


@dataclass(frozen=True)
class Restored:
    """`as_of`: the instant that the restored data stands for. `seconds`: how long it took (RTO)."""

    tenants: int
    files: int
    as_of: datetime
    seconds: float


def put_back(
    *,
    settings: Settings,
    checkout: Path,
    backup: Path,
    keys_file: Path | None,
    until: datetime | None,
    archive: Path | None,
    admin_url: str | None,
    tell: Callable[[str], None],
) -> Restored:
    """Raises TargetNotEmpty, BackupUnusable, KeysUnusable, CopyFailed; then nothing is left behind."""
    started = time.monotonic()
    manifest = read_manifest(folder=backup, checkout=checkout)
    check_instant(manifest=manifest, until=until)
    _require_empty(settings)
    keys = find_keys(path=keys_file, settings=settings, wanted=manifest.keys)
    _check(backup, manifest)
    tell("the backup is whole")
    own = settings.database_urls
    if (own is None) != (manifest.database["kind"] == "base"):
        raise BackupUnusable(
            "a base backup goes to the embedded Postgres and a dump to one of your own: set, or unset, "
            "the four AERODROME_DATABASE_*URL variables"
        )
    if own is not None:
        _put_dump(backup, own.app, admin_url)
    was_there = settings.data.exists()
    try:
        lay_out(data=settings.data, extra=(settings.store, settings.git_dir, settings.audit_checkpoints))
        with held(data=settings.data, checkout=checkout):
            place_keys(settings=settings, keys=keys)
            copied = copy_back(
                backup=backup,
                folders={
                    "store": settings.store,
                    "git": settings.git_dir,
                    "audit-checkpoints": settings.audit_checkpoints,
                },
            )
            tell(f"{copied.count} files")
            tenants = (
                _start_once(settings, backup, until, archive) if own is None else _count(admin_url, own.app)
            )
    except BaseException:
        _take_away(settings, was_there=was_there)
        raise
    as_of = until or manifest.instant
    return Restored(tenants, copied.count, as_of, time.monotonic() - started)


def check_instant(*, manifest: Manifest, until: datetime | None) -> None:
    """That the backup can be brought there. Raises BackupUnusable."""
    if until is None:
        return
    if manifest.database["kind"] != "base":
        raise BackupUnusable("a dump stands for its own instant: only a base backup goes to a later one")
    if until < manifest.instant:
        raise BackupUnusable(
            f"{until.isoformat()} is before the backup's end, {manifest.taken_at}: take an earlier backup"
        )
    if until > datetime.now(tz=UTC):
        raise BackupUnusable(f"{until.isoformat()} is in the future")


def _require_empty(settings: Settings) -> None:
    for folder in (settings.data, settings.store, settings.git_dir, settings.audit_checkpoints):
        if folder.exists() and any(folder.iterdir()):
            raise TargetNotEmpty(
                f"{folder} is not empty: nothing is written over. Set AERODROME_DATA to a new folder, or move it away"
            )


def _check(backup: Path, manifest: Manifest) -> None:
    if not (backup / LIST).exists() or sha256_of(backup / LIST) != manifest.files["digest"]:
        raise BackupUnusable(f"{backup / LIST} is not as it was written: the backup is damaged")
    database_copies.check_copy(backup=backup, said=manifest.database)


def _start_once(settings: Settings, backup: Path, until: datetime | None, archive: Path | None) -> int:
    cluster = database_copies.place_base(
        backup=backup,
        home=settings.data / "postgres",
        copies=settings.data / "software",
        password_file=settings.data / "secrets" / "postgres-superuser",
    )
    log_file = settings.data / "logs" / "postgres.log"
    with (
        database_copies.recovered(cluster=cluster, log_file=log_file, until=until, archive=archive),
        closing(psycopg2.connect(**cluster.connect_arguments() | {"dbname": DATABASE})) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(BUILD_AGAIN)
        connection.commit()
        cursor.execute("SELECT count(*) FROM tenant")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _put_dump(backup: Path, app_url: str, admin_url: str | None) -> None:
    if admin_url is None:
        raise BackupUnusable("your own Postgres is filled by an admin: --admin-url URL")
    database = urlsplit(app_url).path.lstrip("/") or DATABASE
    with closing(psycopg2.connect(admin_url, dbname=database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', 'app')")
        row = cursor.fetchone()
    if row and row[0]:
        raise TargetNotEmpty(f"the database {database} holds {row[0]} tables: nothing is written over")
    database_copies.put_dump(backup=backup, admin_url=admin_url, database=database)
    with closing(psycopg2.connect(admin_url, dbname=database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.runtime') IS NOT NULL")
        row = cursor.fetchone()
        if row and row[0]:
            cursor.execute(BUILD_AGAIN)
            connection.commit()


def _count(admin_url: str | None, app_url: str) -> int:
    database = urlsplit(app_url).path.lstrip("/") or DATABASE
    with (
        closing(psycopg2.connect(admin_url or app_url, dbname=database)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM tenant")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _take_away(settings: Settings, *, was_there: bool) -> None:
    """All four were empty before."""
    for folder in (settings.store, settings.git_dir, settings.audit_checkpoints, settings.data):
        if folder.exists():
            for path in folder.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
    if not was_there and settings.data.exists():
        settings.data.rmdir()
