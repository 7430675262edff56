"""The database's part: a base backup of the embedded server, or a dump of one's own server, and the way back.

A base backup is every byte of the cluster at one instant, with the log that makes it whole; with a log archive
(AERODROME_WAL_ARCHIVE) the cluster can be brought to any later instant. A dump stands for its own instant only.
Source: PostgreSQL documentation, "Continuous Archiving and Point-in-Time Recovery".
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2

from launcher.backups.file_copies import sha256_of
from launcher.backups.manifest import BASE, DUMP, BackupUnusable
from launcher.embedded import postgres
from launcher.embedded.binaries import find_binaries
from launcher.testing import ServiceDidNotStart, running_server

_RECOVERY_SECONDS = 3600.0
_LOOK_SECONDS = 0.1


class CopyFailed(Exception):
    """A program of Postgres refused; its words are the message."""


def take_base(*, admin: dict[str, Any], major: int, backup: Path) -> dict[str, Any]:
    """A base backup of the running server into `backup/postgres`; what the manifest says of it."""
    binaries = find_binaries(major=major)
    command = [
        binaries.program("pg_basebackup"), "-D", str(backup / BASE), "--format=plain", "--wal-method=stream",
        "--checkpoint=fast", "--manifest-checksums=SHA256", "-h", str(admin["host"]), "-p", str(admin["port"]),
        "-U", str(admin["user"]), "--no-password",
    ]  # fmt: skip
    _run(command, PGPASSWORD=str(admin["password"]))
    digest = sha256_of(backup / BASE / "backup_manifest")
    return {"kind": "base", "version": binaries.label, "digest": digest}


def take_dump(*, admin_url: str, database: str, backup: Path) -> dict[str, Any]:
    """A dump of an external server's database, through an admin: others do not see every row."""
    with closing(psycopg2.connect(admin_url)) as connection:
        version = connection.server_version
    binaries = find_binaries()
    parameters = psycopg2.extensions.parse_dsn(admin_url) | {"dbname": database}
    password = parameters.pop("password", "")
    dsn = psycopg2.extensions.make_dsn(**parameters)
    _run(
        [binaries.program("pg_dump"), "--format=custom", "-f", str(backup / DUMP), "-d", dsn],
        PGPASSWORD=password,
    )
    label = "{}.{}".format(*divmod(version, 10_000))
    return {"kind": "dump", "version": label, "digest": sha256_of(backup / DUMP)}


def check_copy(*, backup: Path, said: dict[str, Any]) -> None:
    """That the copy is as it was written. Raises BackupUnusable."""
    path = backup / BASE / "backup_manifest" if said["kind"] == "base" else backup / DUMP
    if not path.exists() or sha256_of(path) != said["digest"]:
        raise BackupUnusable(f"{path} is not as it was written: the backup is damaged")
    if said["kind"] != "base":
        return
    binaries = find_binaries(major=int(said["version"].split(".")[0]))
    if not Path(binaries.program("pg_verifybackup")).exists():
        raise BackupUnusable(f"the Postgres in {binaries.root} has no pg_verifybackup to check it with")
    try:
        _run([binaries.program("pg_verifybackup"), "--quiet", str(backup / BASE)])
    except CopyFailed as error:
        raise BackupUnusable(f"the copy of the database is damaged: {error}") from error


def place_base(*, backup: Path, home: Path, copies: Path, password_file: Path) -> postgres.PostgresCluster:
    """A cluster in `home` from the base backup, not started yet."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(backup / BASE, home / "cluster", symlinks=True)
    (home / "cluster").chmod(0o700)
    cluster = postgres.open_cluster(home=home, copies=copies, password_file=password_file)
    if cluster.account.switches:
        for folder, below, names in os.walk(cluster.folder):
            for name in (*below, *names, "."):
                os.chown(Path(folder) / name, cluster.account.uid, cluster.account.gid, follow_symlinks=False)
    return cluster


@contextmanager
def recovered(
    *, cluster: postgres.PostgresCluster, log_file: Path, until: datetime | None, archive: Path | None
) -> Iterator[None]:
    """Runs the server, brought to `until` from the log archive, or to the backup's own end; open for writing.

    Raises BackupUnusable when it cannot get there.
    """
    options = ["-c", "archive_mode=off"]
    if until is not None:
        if archive is None:
            raise BackupUnusable("an instant needs the log archive: --wal FOLDER (AERODROME_WAL_ARCHIVE)")
        (cluster.folder / "recovery.signal").touch()
        if cluster.account.switches:
            os.chown(cluster.folder / "recovery.signal", cluster.account.uid, cluster.account.gid)
        fetch = f"gzip -dc < {shlex.quote(str(archive))}/%f.gz > %p"
        options += ["-c", f"restore_command={fetch}", "-c", f"recovery_target_time={until.isoformat()}"]
        options += ["-c", "recovery_target_action=promote"]
    try:
        with running_server(
            command=(*cluster.command(), *options),
            account=cluster.account,
            is_ready=lambda: _is_open(cluster),
            log_file=log_file,
            stop_signal=signal.SIGINT,
            within_seconds=_RECOVERY_SECONDS,
        ):
            yield
    except ServiceDidNotStart as error:
        if "before configured recovery target was reached" in str(error):
            raise BackupUnusable(f"the log archive ends before {until}: choose an earlier instant") from error
        raise BackupUnusable(f"the restored database does not start: {error}") from error


def put_dump(*, backup: Path, admin_url: str, database: str) -> None:
    """Into a prepared, empty database. Raises CopyFailed."""
    binaries = find_binaries()
    parameters = psycopg2.extensions.parse_dsn(admin_url) | {"dbname": database}
    password = parameters.pop("password", "")
    dsn = psycopg2.extensions.make_dsn(**parameters)
    command = [binaries.program("pg_restore"), "--exit-on-error", "--single-transaction", "-d", dsn]
    _run([*command, str(backup / DUMP)], PGPASSWORD=password)


def wait_for_segment(*, admin: dict[str, Any], archive: Path, seconds: float = 60.0) -> None:
    """Close the log's open segment and wait until it is archived: what was committed before can be restored."""
    with closing(psycopg2.connect(**admin)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_walfile_name(pg_switch_wal())")
            row = cursor.fetchone()
    segment = archive / f"{row[0] if row else ''}.gz"
    end = time.monotonic() + seconds
    while not segment.exists():
        if time.monotonic() > end:
            raise CopyFailed(f"{segment} did not come within {seconds:.0f} s: see the log of postgres")
        time.sleep(_LOOK_SECONDS)


def _is_open(cluster: postgres.PostgresCluster) -> bool:
    """Answers, and its recovery is over. One that ends while it is asked does not answer."""
    try:
        with (
            closing(psycopg2.connect(**cluster.connect_arguments(), connect_timeout=2)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT pg_is_in_recovery()")
            row = cursor.fetchone()
    except psycopg2.OperationalError:
        return False
    return bool(row and not row[0])


def _run(command: list[str], **more: str) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **more}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise CopyFailed(f"{Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}")
