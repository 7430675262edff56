"""The servers that the stack stands on: the embedded Postgres and Valkey, or the configured ones."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.embedded import postgres, valkey
from launcher.embedded.log_archive import archive_settings, make_archive
from launcher.embedded.roles import (
    DATABASE_VARIABLES,
    ROLES,
    DatabaseUrls,
    check_server,
    database_urls,
    prepare_database,
)
from launcher.processes import ProcessSpec
from launcher.secret_files import ensure_secret, random_password
from launcher.settings import REDIS_VARIABLE, Settings

# A server needs nothing of the caller's environment.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
# Replaying the log after a crash of a busy server can take minutes.
_RECOVERY_SECONDS = 900
_SHUTDOWN_SECONDS = 60


@dataclass(frozen=True)
class Backing:
    """How to reach database and Redis, and the processes to run for that (none when both are yours)."""

    databases: DatabaseUrls
    redis_url: str
    embedded: bool
    version: str
    table: tuple[ProcessSpec, ...]
    password_files: Mapping[str, Path] = field(default_factory=dict)
    """By the variable of the URL that they are for: where a password lies that may change while the stack runs."""


def open_backing(*, settings: Settings, tell: Callable[[str], None]) -> Backing:
    """Makes what is missing on disk and returns the servers, not yet started.

    The caller holds the data folder. Raises what ``open_cluster``, ``open_server`` and ``check_server`` do.
    """
    table = []
    files = dict(settings.password_files)
    secrets = settings.data / "secrets"
    if settings.database_urls is None:
        databases, version, spec = _embedded_postgres(settings, tell)
        table.append(spec)
        files |= {name: secrets / f"postgres-{key}" for key, name in DATABASE_VARIABLES.items()}
    else:
        databases, version = settings.database_urls, check_server(url=settings.database_urls.owner)
    redis_url = settings.redis_url
    if redis_url is None:
        redis_url, spec = _embedded_valkey(settings)
        table.append(spec)
        files[REDIS_VARIABLE] = secrets / "valkey"
    return Backing(databases, redis_url, settings.database_urls is None, version, tuple(table), files)


def _embedded_postgres(
    settings: Settings, tell: Callable[[str], None]
) -> tuple[DatabaseUrls, str, ProcessSpec]:
    data = settings.data

    def passwords() -> dict[str, str]:
        files = {key: data / "secrets" / f"postgres-{key}" for key in ROLES}
        return {key: ensure_secret(path=path, make=random_password) for key, path in files.items()}

    if not (data / "postgres").exists():
        tell("making the database cluster")
    cluster = postgres.open_cluster(
        home=data / "postgres",
        copies=data / "software",
        password_file=data / "secrets" / "postgres-superuser",
        settings=archive_settings(folder=settings.wal_archive) if settings.wal_archive else "",
    )
    if settings.wal_archive:
        make_archive(folder=settings.wal_archive, cluster=cluster)

    def prepare() -> None:
        done = postgres.clear_for_start(cluster=cluster)
        if done:
            tell(f"postgres: {done}")

    urls = database_urls(host=str(cluster.socket_folder), port=postgres.PORT, passwords=passwords())
    spec = ProcessSpec(
        name="postgres",
        command=cluster.command(),
        environment=_ENVIRONMENT,
        folder=Path("/"),
        log_file=data / "logs" / "postgres.log",
        account=cluster.account,
        prepare=prepare,
        probe=lambda: postgres.is_answering(cluster=cluster),
        after_first_ready=lambda: prepare_database(admin=cluster.connect_arguments(), passwords=passwords()),
        # Workers of a killed server may still hold its shared memory for a moment.
        start_attempts=20,
        ready_within_seconds=_RECOVERY_SECONDS,
        # SIGINT is Postgres' fast shutdown: sessions end, everything committed is on disk.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        grace_seconds=_SHUTDOWN_SECONDS,
    )
    return urls, cluster.binaries.label, spec


def _embedded_valkey(settings: Settings) -> tuple[str, ProcessSpec]:
    data = settings.data
    server = valkey.open_server(
        home=data / "valkey", copies=data / "software", password_file=data / "secrets" / "valkey"
    )
    return server.url, ProcessSpec(
        name="valkey",
        command=server.command(),
        environment=_ENVIRONMENT,
        folder=Path("/"),
        log_file=data / "logs" / "valkey.log",
        account=server.account,
        probe=lambda: valkey.is_answering(url=server.url),
        ready_within_seconds=300,
        grace_seconds=20,
    )
