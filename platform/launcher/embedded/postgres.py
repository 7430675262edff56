"""One embedded Postgres: makes the cluster, writes its settings, and knows how it is started and stopped.

Safe by default: checksums, fsync, SCRAM passwords, no TCP. The socket lies in a folder that only the server's
account (and root) can enter. ``supervisor.py`` keeps the server running; ``testing.py`` runs one for a test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from launcher import pids
from launcher.embedded.accounts import ServerAccount, choose_account, require_reachable
from launcher.embedded.binaries import PostgresBinaries, find_binaries, reachable_binaries
from launcher.embedded.sockets import private_folder
from launcher.secret_files import ensure_secret, random_password, read_secret

ACCOUNT = "aerodrome-pg"
SUPERUSER = "postgres"
# Part of the socket's file name only: nothing listens on TCP.
PORT = 5432
SETTINGS_FILE = "aerodrome.conf"


class ClusterUnusable(Exception):
    """The folder of the cluster cannot be used as it is; the message says why and what to do."""


@dataclass(frozen=True)
class PostgresCluster:
    """One cluster on disk. ``home`` is the server account's own folder; ``folder`` in it is PGDATA."""

    home: Path
    binaries: PostgresBinaries
    account: ServerAccount
    socket_folder: Path
    superuser_password_file: Path

    @property
    def folder(self) -> Path:
        return self.home / "cluster"

    def command(self) -> tuple[str, ...]:
        """The server in the foreground, as a child of whoever starts it."""
        return (self.binaries.program("postgres"), "-D", str(self.folder))

    def connect_arguments(self) -> dict[str, Any]:
        """How the superuser connects (libpq's parameter names)."""
        password = read_secret(path=self.superuser_password_file)
        where = {"host": str(self.socket_folder), "port": PORT}
        return where | {"user": SUPERUSER, "password": password, "dbname": "postgres"}


def open_cluster(*, home: Path, copies: Path, password_file: Path, settings: str = "") -> PostgresCluster:
    """Finds the programs and returns a cluster that is ready to be started; makes it on first use.

    ``home`` gets the server account as its owner; ``copies`` takes the programs when that account cannot
    reach them where they are; ``settings`` are more lines for the server's settings. Raises
    ``PostgresMissing``, ``FolderOutOfReach``, ``SocketFolderTaken`` or ``ClusterUnusable``.
    """
    account = choose_account(name=ACCOUNT)
    home.mkdir(mode=0o700, exist_ok=True)
    if account.switches:
        os.chown(home, account.uid, account.gid)
    require_reachable(folder=home, account=account)
    found = find_binaries(major=_cluster_major(home / "cluster"))
    cluster = PostgresCluster(
        home=home,
        binaries=reachable_binaries(binaries=found, account=account, copies=copies),
        account=account,
        socket_folder=private_folder(folder=home / "socket", account=account),
        superuser_password_file=password_file,
    )
    ensure_secret(path=password_file, make=random_password)
    if not (cluster.folder / "PG_VERSION").exists():
        _initialise(cluster)
    _write_settings(cluster, settings)
    return cluster


def clear_for_start(*, cluster: PostgresCluster, timeout_seconds: float = 120) -> str | None:
    """Sees to it that a server can start: ends one left over, removes a dead one's lock file.

    A server whose launcher was killed ends by itself; one that does not is asked to (SIGINT, Postgres' fast
    shutdown: open transactions roll back, nothing committed is lost). Returns what was done, or None.
    """
    socket_lock = cluster.socket_folder / f".s.PGSQL.{PORT}.lock"
    lock_files = [path for path in (cluster.folder / "postmaster.pid", socket_lock) if path.exists()]
    if not lock_files:
        return None
    pid = running_pid(cluster=cluster)
    if pid is None:
        # A zombie, or an id that now belongs to another program: Postgres would refuse to start for both.
        # Should workers of the dead server still run, the shared memory block they hold stops the start.
        for path in lock_files:
            path.unlink(missing_ok=True)
        return "removed the lock files of a server that is dead"
    pids.signal_if_alive(pid=pid, signal_number=signal.SIGINT)
    if not pids.wait_until_dead(pid=pid, timeout_seconds=timeout_seconds):
        raise ClusterUnusable(
            f"the Postgres server {pid} in {cluster.folder} does not stop: look at its log, "
            f"then run `kill -QUIT {pid}` and start again"
        )
    return f"stopped server {pid}, left over from an earlier start"


def is_answering(*, cluster: PostgresCluster) -> bool:
    """True when the server takes a connection of the superuser."""
    try:
        connection = psycopg2.connect(**cluster.connect_arguments(), connect_timeout=2)
    except psycopg2.OperationalError:
        return False
    connection.close()
    return True


def running_pid(*, cluster: PostgresCluster) -> int | None:
    """The living server on this cluster, whoever started it, or None."""
    try:
        pid = int((cluster.folder / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    serves = pids.is_alive(pid=pid) and pids.working_folder(pid=pid) == cluster.folder.resolve()
    return pid if serves else None


def _cluster_major(folder: Path) -> int | None:
    try:
        return int((folder / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _initialise(cluster: PostgresCluster) -> None:
    """Makes the cluster beside its final place and renames it, so that a killed start leaves no half one."""
    work = cluster.home / "cluster.new"
    shutil.rmtree(work, ignore_errors=True)
    password_file = cluster.home / "password.new"
    password_file.write_text(read_secret(path=cluster.superuser_password_file))
    if cluster.account.switches:
        os.chown(password_file, cluster.account.uid, cluster.account.gid)
    password_file.chmod(0o400)
    command = [cluster.binaries.program("initdb"), "-D", str(work), "-U", SUPERUSER]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--data-checksums"]
    command += ["--encoding=UTF8", "--locale=C", "--no-instructions"]
    if cluster.binaries.version[0] >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        answer = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **cluster.account.popen_arguments(),
        )  # fmt: skip
    finally:
        password_file.unlink()
    if answer.returncode != 0:
        raise ClusterUnusable(f"initdb could not make {cluster.folder}: {answer.stderr.strip()}")
    if cluster.folder.exists():
        raise ClusterUnusable(f"{cluster.folder} exists but holds no cluster: move it away, then start again")
    with (work / "postgresql.conf").open("a") as file:
        file.write(f"\ninclude '{SETTINGS_FILE}'\n")
    work.rename(cluster.folder)


def _write_settings(cluster: PostgresCluster, more: str) -> None:
    libraries = cluster.binaries.root / "lib"
    statistics = (libraries / "pg_stat_statements.so").exists()
    lines = [
        "# Written at every start. Set your own with ALTER SYSTEM: they win over this file.",
        "listen_addresses = ''",
        f"unix_socket_directories = '{cluster.socket_folder}'",
        "unix_socket_permissions = 0777  # the folder is the gate",
        f"port = {PORT}",
        "password_encryption = 'scram-sha-256'",
        "max_connections = 100",
        "shared_buffers = '128MB'",
        "fsync = on",
        "full_page_writes = on",
        "synchronous_commit = on",
        "wal_compression = on",
        "max_wal_size = '1GB'",
        "log_timezone = 'UTC'",
        "timezone = 'UTC'",
        "log_line_prefix = '%m [%p] %q%u@%d '",
        "log_checkpoints = off",
        "dynamic_shared_memory_type = posix",
        f"shared_preload_libraries = '{'pg_stat_statements' if statistics else ''}'",
        more,
    ]
    path = cluster.folder / SETTINGS_FILE
    path.write_text("\n".join(lines).rstrip() + "\n")
    if cluster.account.switches:
        os.chown(path, cluster.account.uid, cluster.account.gid)
    path.chmod(0o600)
