"""Throw-away servers for tests and benchmarks: ``with embedded_services() as services: …``.

The same code, settings and roles as in production, fsync included, in a temporary folder that is removed at
the end. A test that wants it faster and never kills the server may ask for ``fsync=False``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from launcher.child import die_with_parent
from launcher.embedded import postgres, valkey
from launcher.embedded.accounts import ServerAccount
from launcher.embedded.roles import DATABASE, ROLES, DatabaseUrls, database_urls, prepare_database
from launcher.secret_files import ensure_secret, random_password

_START_SECONDS = 60
_NO_FSYNC = "fsync = off\nfull_page_writes = off\nsynchronous_commit = off"


class ServiceDidNotStart(Exception):
    """A throw-away server ended or did not answer in time; the message holds its log."""


@dataclass(frozen=True)
class EmbeddedServices:
    """Running servers. ``postgres_pid`` and ``valkey_pid`` are there to be killed by tests."""

    folder: Path
    urls: DatabaseUrls
    redis_url: str
    cluster: postgres.PostgresCluster
    postgres_pid: int
    valkey_pid: int
    version: str
    passwords: dict[str, str]

    def create_database(self, name: str) -> DatabaseUrls:
        """One more empty database with the same roles and rights; returns its URLs. Again: no change."""
        prepare_database(admin=self.cluster.connect_arguments(), passwords=self.passwords, database=name)
        return _urls(self.cluster, self.passwords, name)

    def environment(self) -> dict[str, str]:
        """The AERODROME_* variables for the databases and Redis."""
        return {**self.urls.as_environment(), "AERODROME_REDIS_URL": self.redis_url}


@contextmanager
def embedded_services(tmpdir: Path | None = None, *, fsync: bool = True) -> Iterator[EmbeddedServices]:
    """Starts a Postgres with roles and an empty database, and a Valkey; stops and removes both at the end.

    ``tmpdir``: where to put them, an existing folder that the server accounts can reach; by default a new
    temporary folder (as root, pytest's own folders are closed to other accounts). Takes about a second.
    The servers die with the calling thread's process. Raises ``ServiceDidNotStart`` and what
    ``open_cluster`` raises.
    """
    folder = Path(tempfile.mkdtemp(prefix="aerodrome-", dir=tmpdir))
    folder.chmod(0o711)
    try:
        passwords = {
            key: ensure_secret(path=folder / "secrets" / f"postgres-{key}", make=random_password)
            for key in ROLES
        }
        cluster = postgres.open_cluster(
            home=folder / "postgres",
            copies=folder / "software",
            password_file=folder / "secrets" / "postgres-superuser",
            settings="" if fsync else _NO_FSYNC,
        )
        server = valkey.open_server(
            home=folder / "valkey",
            copies=folder / "software",
            password_file=folder / "secrets" / "valkey",
        )
        with (
            running_server(
                command=cluster.command(),
                account=cluster.account,
                is_ready=lambda: postgres.is_answering(cluster=cluster),
                log_file=folder / "postgres.log",
                stop_signal=signal.SIGINT,
            ) as postgres_pid,
            running_server(
                command=server.command(),
                account=server.account,
                is_ready=lambda: valkey.is_answering(url=server.url),
                log_file=folder / "valkey.log",
                stop_signal=signal.SIGTERM,
            ) as valkey_pid,
        ):
            version = prepare_database(admin=cluster.connect_arguments(), passwords=passwords)
            yield EmbeddedServices(
                folder=folder,
                urls=_urls(cluster, passwords, DATABASE),
                redis_url=server.url,
                cluster=cluster,
                postgres_pid=postgres_pid,
                valkey_pid=valkey_pid,
                version=version,
                passwords=passwords,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server(
    *,
    command: tuple[str, ...],
    account: ServerAccount,
    is_ready: Callable[[], bool],
    log_file: Path,
    stop_signal: signal.Signals,
    within_seconds: float = _START_SECONDS,
) -> Iterator[int]:
    """Runs one server until the block ends; yields its pid once it answers."""
    with log_file.open("ab") as log:
        child = subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, start_new_session=True,
            preexec_fn=die_with_parent(stop_signal, parent=os.getpid()),
            **account.popen_arguments(),
        )  # fmt: skip
    try:
        deadline = time.monotonic() + within_seconds
        while not is_ready():
            if child.poll() is not None or time.monotonic() > deadline:
                tail = log_file.read_text(errors="replace")[-2000:]
                raise ServiceDidNotStart(f"{command[0]} (exit {child.poll()}) did not start:\n{tail}")
            time.sleep(0.02)
        yield child.pid
    finally:
        if child.poll() is None:
            child.send_signal(stop_signal)
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
        child.wait()


def _urls(cluster: postgres.PostgresCluster, passwords: dict[str, str], name: str) -> DatabaseUrls:
    return database_urls(
        host=str(cluster.socket_folder), port=postgres.PORT, passwords=passwords, database=name
    )
