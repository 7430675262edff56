"""One backup a day in a folder, the newest kept: by `up` at an hour, or by a timer of the machine.

A day is over when the backup, and its copy in another place if there is to be one, are whole. What failed is tried
again; a backup that lacks its copy only is not made anew.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from launcher.backups.last import last_backup, remember_backup
from launcher.backups.manifest import NAME, BackupUnusable, Manifest, read_manifest
from launcher.backups.take import take_backup
from launcher.settings import Settings

_NAMED = re.compile(r"aerodrome-\d{8}T\d{6}Z")
_MAKING, _LOCK = ".making", ".lock"


def begin_of_day(*, now: datetime, hour: int) -> datetime:
    """The last time that it was this hour (UTC): what is older than that is of another day."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def back_up_daily(
    *,
    settings: Settings,
    checkout: Path,
    admin_url: str | None,
    now: datetime,
    tell: Callable[[str], None],
) -> Path | None:
    """The day's backup; None when it was there. Raises BackupUnusable, CopyNotMade and what the parts raise."""
    folder = settings.backup_folder
    if folder is None:
        raise BackupUnusable("say where daily backups go: AERODROME_BACKUP_FOLDER")
    if not folder.is_dir():
        raise BackupUnusable(f"there is no folder {folder} (AERODROME_BACKUP_FOLDER): is its volume there?")
    with _alone(folder):
        begin = begin_of_day(now=now, hour=settings.backup_hour)
        last = last_backup(data=settings.data)
        if last is not None and last.taken_at >= begin:
            return None
        made = _made(folder, checkout, begin)
        if made is None:
            target = folder / f"aerodrome-{now:%Y%m%dT%H%M%SZ}"
            room = folder / _MAKING
            shutil.rmtree(room, ignore_errors=True)
            room.mkdir(mode=0o700)
            manifest = take_backup(
                settings=settings,
                checkout=checkout,
                target=room / target.name,
                keys_file=None,
                admin_url=admin_url,
                tell=tell,
            )
            (room / target.name).rename(target)
            room.rmdir()
        else:
            target, manifest = made
        finish(settings=settings, target=target, manifest=manifest, tell=tell)
        _remove_old(folder, keep=settings.backup_keep, tell=tell)
    return target


def finish(*, settings: Settings, target: Path, manifest: Manifest, tell: Callable[[str], None]) -> None:
    """Copy it to the other place, when there is one, and remember it: then it counts. Raises CopyNotMade."""
    if settings.backup_copy is not None:
        from launcher.backups.bucket import Bucket
        from launcher.backups.off_site import copy_off_site

        bucket = Bucket(url=settings.backup_copy, settings=settings)
        tell(
            f"copied to {copy_off_site(backup=target, manifest=manifest, bucket=bucket)}, read back and compared"
        )
    remember_backup(data=settings.data, taken_at=manifest.taken_at, target=target)


def _made(folder: Path, checkout: Path, begin: datetime) -> tuple[Path, Manifest] | None:
    """The day's backup that lacks its copy only."""
    for path in reversed(_backups(folder)):
        try:
            manifest = read_manifest(folder=path, checkout=checkout)
        except BackupUnusable:
            return None
        return (path, manifest) if manifest.instant >= begin else None
    return None


def _backups(folder: Path) -> list[Path]:
    """Ours, oldest first. What else is there is nobody's business here."""
    return sorted(path for path in folder.iterdir() if _NAMED.fullmatch(path.name) and (path / NAME).exists())


def _remove_old(folder: Path, *, keep: int, tell: Callable[[str], None]) -> None:
    for path in _backups(folder)[:-keep]:
        (path / NAME).unlink()  # first: what is half removed is no backup
        shutil.rmtree(path)
        tell(f"removed {path}: {keep} are kept")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupUnusable(f"another daily backup is being made in {folder}") from None
    finally:
        os.close(descriptor)
