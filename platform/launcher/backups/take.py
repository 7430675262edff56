"""Takes a backup of the installation, running or not: signed checkpoints, then the database, then the files.

In this order, so that a restored chain is never shorter than its checkpoints, and every file that a row of the
database names was there before it. Redis holds nothing that is not made again, and is left out.
"""

from __future__ import annotations

import shutil
import signal
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from launcher.backups import database_copies
from launcher.backups.file_copies import copy_out
from launcher.backups.keys import KeysUnusable, fingerprints, read_keys, write_keys
from launcher.backups.manifest import BackupUnusable, Manifest, schema_digest, write_manifest
from launcher.data_folder import held
from launcher.embedded import postgres
from launcher.embedded.roles import DATABASE
from launcher.secret_files import read_secret
from launcher.settings import Settings
from launcher.status_file import read_status
from launcher.testing import running_server
from launcher.version import product_version


def take_backup(
    *,
    settings: Settings,
    checkout: Path,
    target: Path,
    keys_file: Path | None,
    admin_url: str | None,
    tell: Callable[[str], None],
) -> Manifest:
    """Into a new folder, or a new file when the name ends with .tar. Raises what the parts raise.

    It counts when `daily.finish` remembered it.
    """
    if target.exists():
        raise BackupUnusable(f"{target} exists already: a backup goes to a new name")
    if not target.parent.is_dir():
        raise BackupUnusable(f"there is no folder {target.parent}")
    if any(target.resolve().is_relative_to(own.resolve()) for own in (settings.store, settings.git_dir)):
        raise BackupUnusable(f"{target} lies inside of what is backed up: choose another place")
    if keys_file is not None and keys_file.exists():
        raise KeysUnusable(f"{keys_file} exists already: keys are not written over")
    with tempfile.TemporaryDirectory(prefix=".aerodrome-backup-", dir=target.parent) as room:
        work = Path(room) / "backup"
        work.mkdir(mode=0o700)
        manifest = _fill(work, settings, checkout, admin_url, tell)
        if keys_file is not None:
            write_keys(path=keys_file, keys=read_keys(settings), backup=target)
        if target.suffix == ".tar":
            _pack(work, Path(room) / "packed")
            work = Path(room) / "packed"
        work.rename(target)
    return manifest


@contextmanager
def opened(*, backup: Path) -> Iterator[Path]:
    """The backup's folder; of a file, unpacked beside it for the block. Raises BackupUnusable."""
    if backup.is_dir():
        yield backup
        return
    if not backup.exists():
        raise BackupUnusable(f"there is no backup {backup}")
    room = Path(tempfile.mkdtemp(prefix=".aerodrome-unpacked-", dir=backup.parent))
    try:
        try:
            with tarfile.open(backup) as archive:
                archive.extractall(room, filter="data")
        except tarfile.TarError as error:
            raise BackupUnusable(f"{backup} is not a backup: {error}") from error
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _fill(
    work: Path, settings: Settings, checkout: Path, admin_url: str | None, tell: Callable[[str], None]
) -> Manifest:
    checkpoints = copy_out(folders={"audit-checkpoints": settings.audit_checkpoints}, backup=work)
    tell(f"{checkpoints.count} files of signed checkpoints")
    if settings.database_urls is not None:
        if admin_url is None:
            raise BackupUnusable(
                "your own Postgres is dumped by an admin, as none of our roles sees every row: --admin-url URL"
            )
        database = urlsplit(settings.database_urls.app).path.lstrip("/") or DATABASE
        said = database_copies.take_dump(admin_url=admin_url, database=database, backup=work)
    else:
        with _running(settings) as (admin, major):
            said = database_copies.take_base(admin=admin, major=major, backup=work)
    taken_at = datetime.now(tz=UTC)
    tell(f"the database ({said['kind']}, Postgres {said['version']})")
    copied = copy_out(folders={"store": settings.store, "git": settings.git_dir}, backup=work)
    tell(f"{copied.count} files, {copied.size / 1e6:.1f} MB")
    manifest = Manifest(
        release=product_version(checkout=checkout),
        schema=schema_digest(checkout=checkout),
        taken_at=taken_at.isoformat(),
        database=said,
        files={
            "count": checkpoints.count + copied.count,
            "bytes": checkpoints.size + copied.size,
            "digest": copied.digest,
        },
        keys=fingerprints(read_keys(settings)),
    )
    write_manifest(folder=work, manifest=manifest)
    return manifest


@contextmanager
def _running(settings: Settings) -> Iterator[tuple[dict[str, Any], int]]:
    """How the superuser reaches the embedded server, and its major version; started for the block if it is not up."""
    home, secret = settings.data / "postgres", settings.data / "secrets" / "postgres-superuser"
    if not (home / "cluster" / "PG_VERSION").exists():
        raise BackupUnusable(f"there is no database in {settings.data}: nothing was ever started there")
    major = int((home / "cluster" / "PG_VERSION").read_text())
    status = read_status(data=settings.data, now=time.time())
    if "database" in status:
        where = parse_qs(urlsplit(status["database"]["app_url"]).query)
        admin = {"host": where["host"][0], "port": where["port"][0], "user": postgres.SUPERUSER}
        yield admin | {"password": read_secret(path=secret), "dbname": "postgres"}, major
        return
    with held(data=settings.data, checkout=settings.data):
        cluster = postgres.open_cluster(home=home, copies=settings.data / "software", password_file=secret)
        postgres.clear_for_start(cluster=cluster)
        with running_server(
            command=cluster.command(),
            account=cluster.account,
            is_ready=lambda: postgres.is_answering(cluster=cluster),
            log_file=settings.data / "logs" / "postgres.log",
            stop_signal=signal.SIGINT,
            within_seconds=900,
        ):
            yield cluster.connect_arguments(), major


def _pack(folder: Path, target: Path) -> None:
    with tarfile.open(target, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, arcname=path.name)
    target.chmod(0o600)
