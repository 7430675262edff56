"""Brings one tenant back as it was at an instant, while everybody else goes on.

The backup's database is started beside the living one, in a folder of its own, and brought to the instant; the tenant is
exported from there, and put in place of itself, or beside itself under another name. The living database is touched
by that last step only, in the tenant's own scope.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from launcher.backups import database_copies
from launcher.backups.keys import find_keys, fingerprints, read_keys
from launcher.backups.manage import Manage
from launcher.backups.manifest import BackupUnusable, read_manifest
from launcher.backups.put_back import check_instant
from launcher.backups.take import opened
from launcher.embedded import postgres
from launcher.embedded.roles import ROLES, database_urls, prepare_database
from launcher.secret_files import ensure_secret, random_key, random_password
from launcher.settings import Settings


def restore_one(
    *,
    manage: Manage,
    settings: Settings,
    checkout: Path,
    backup: Path,
    keys_file: Path | None,
    slug: str,
    until: datetime | None,
    archive: Path | None,
    new_slug: str | None,
    owner: str | None,
    tell: Callable[[str], None],
) -> int:
    """The exit status of the last step. Raises BackupUnusable, KeysUnusable, CopyFailed."""
    with opened(backup=backup) as folder:
        manifest = read_manifest(folder=folder, checkout=checkout)
        check_instant(manifest=manifest, until=until)
        if manifest.database["kind"] != "base":
            raise BackupUnusable(
                "one tenant is brought back from a base backup: restore the dump elsewhere, and export"
            )
        keys = find_keys(path=keys_file, settings=settings, wanted=manifest.keys)
        if fingerprints(keys) != {name: fingerprints(read_keys(settings)).get(name) for name in keys}:
            raise BackupUnusable(
                "the backup was made with other keys than this installation has: restore it whole elsewhere, "
                "and export the tenant there"
            )
        database_copies.check_copy(backup=folder, said=manifest.database)
        room = Path(tempfile.mkdtemp(prefix="restoring-", dir=settings.data))
        room.chmod(0o711)
        try:
            secret, file = room / "secrets" / "passphrase", room / "tenant.zip"
            ensure_secret(path=secret, make=random_key)
            status = _export(manage, settings, folder, room, slug, until, archive, tell)
            if status != 0:
                return status
            tell(f"'{slug}' as of {(until or manifest.instant).isoformat()}")
            with_secret = ("--passphrase-file", str(secret))
            if new_slug is None or owner is None:
                return manage.run("restore_tenant", slug, str(file), *with_secret)
            return manage.run("import_tenant", str(file), "--as", new_slug, "--owner", owner, *with_secret)
        finally:
            shutil.rmtree(room, ignore_errors=True)


def _export(
    manage: Manage,
    settings: Settings,
    backup: Path,
    room: Path,
    slug: str,
    until: datetime | None,
    archive: Path | None,
    tell: Callable[[str], None],
) -> int:
    password_file = room / "secrets" / "postgres-superuser"
    ensure_secret(path=password_file, make=lambda: read_keys(settings)["postgres-superuser"].encode())
    tell("starting the backup's database beside the living one")
    cluster = database_copies.place_base(
        backup=backup, home=room / "postgres", copies=settings.data / "software", password_file=password_file
    )
    passwords = {
        key: ensure_secret(path=room / "secrets" / f"postgres-{key}", make=random_password) for key in ROLES
    }
    with database_copies.recovered(
        cluster=cluster, log_file=room / "postgres.log", until=until, archive=archive
    ):
        prepare_database(admin=cluster.connect_arguments(), passwords=passwords)
        urls = database_urls(host=str(cluster.socket_folder), port=postgres.PORT, passwords=passwords)
        return manage.on(urls).run(
            "export_tenant", slug, str(room / "tenant.zip"),
            "--passphrase-file", str(room / "secrets" / "passphrase"),
            "--store", str(backup / "files" / "store"), "--repositories", str(backup / "files" / "git"),
        )  # fmt: skip
