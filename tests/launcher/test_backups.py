"""An installation is put away and brought back: the same runs, secrets, files and chains; every refusal leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psycopg2
import pytest
from moto.server import ThreadedMotoServer

from launcher.backups.database_copies import wait_for_segment
from launcher.data_folder import held, lay_out
from launcher.doctor.findings import Finding
from launcher.doctor.servers import check_backup
from launcher.embedded import postgres, valkey
from launcher.embedded.log_archive import archive_settings, make_archive
from launcher.embedded.roles import ROLES, DatabaseUrls, database_urls, prepare_database
from launcher.secret_files import ensure_secret, random_password
from launcher.settings import Settings, read_settings
from launcher.stack import ensure_keys
from launcher.status_file import write_status
from launcher.testing import running_server

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Installation:
    """A data folder with a database that can be started; no other process of a stack."""

    data: Path
    archive: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return read_settings(environment={"AERODROME_DATA": str(self.data)}, checkout=ROOT)

    @contextmanager
    def running(self) -> Iterator[postgres.PostgresCluster]:
        """Postgres with the roles, prepared as a start does it, and a Valkey."""
        home, secrets = self.data / "postgres", self.data / "secrets"
        cluster = postgres.open_cluster(
            home=home,
            copies=self.data / "software",
            password_file=secrets / "postgres-superuser",
            settings="fsync = off\n" + (archive_settings(folder=self.archive) if self.archive else ""),
        )
        if self.archive:
            make_archive(folder=self.archive, cluster=cluster)
        passwords = {
            key: ensure_secret(path=secrets / f"postgres-{key}", make=random_password) for key in ROLES
        }
        server = valkey.open_server(
            home=self.data / "valkey", copies=self.data / "software", password_file=secrets / "valkey"
        )
        with (
            held(data=self.data, checkout=ROOT),
            running_server(
                command=cluster.command(),
                account=cluster.account,
                is_ready=lambda: postgres.is_answering(cluster=cluster),
                log_file=self.data / "logs" / "postgres.log",
                stop_signal=signal.SIGINT,
            ),
            running_server(
                command=server.command(),
                account=server.account,
                is_ready=lambda: valkey.is_answering(url=server.url),
                log_file=self.data / "logs" / "valkey.log",
                stop_signal=signal.SIGTERM,
            ),
        ):
            prepare_database(admin=cluster.connect_arguments(), passwords=passwords)
            urls: DatabaseUrls = database_urls(
                host=str(cluster.socket_folder), port=postgres.PORT, passwords=passwords
            )
            self.variables = {**urls.as_environment(), "AERODROME_REDIS_URL": server.url}
            facts = {
                "base_url": "http://127.0.0.1:1",
                "database": {f"{key}_url": getattr(urls, key) for key in ROLES},
                "redis": {"url": server.url},
            }
            write_status(data=self.data, state="running", facts=facts, processes=[])
            yield cluster

    def python(self, *arguments: str) -> str:
        """A control-plane process of this installation; what it printed."""
        settings = self.settings
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "controlplane.settings",
            "AERODROME_DATA": str(self.data),
            "AERODROME_SECRET_KEY_FILE": str(settings.secret_key_file),
            "AERODROME_ENCRYPTION_KEY_FILE": str(settings.encryption_key_file),
            "AERODROME_SIGNING_KEY_FILE": str(settings.signing_key_file),
            **self.variables,
        }
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def told(self, *arguments: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(
            self.python("-m", "tests.support.backed_up", *arguments).splitlines()[-1]
        )
        return said

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`./aerodrome …` on this data folder."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
        return subprocess.run(
            [sys.executable, "-P", "-m", "launcher", *arguments],
            env=environment | {"AERODROME_DATA": str(self.data)} | variables,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@dataclass
class Kept:
    """A backup with its keys, and what was in the installation at its time and at an instant after it."""

    room: Path
    origin: Installation
    first: dict[str, Any]
    between: datetime
    second: dict[str, Any]
    last: dict[str, Any]

    @property
    def backup(self) -> Path:
        return self.room / "backup"

    @property
    def keys(self) -> Path:
        return self.room / "keys.json"

    def restore(self, name: str, *arguments: str) -> tuple[Installation, subprocess.CompletedProcess[str]]:
        target = Installation(self.room / name)
        return target, target.command("restore", *arguments)


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """Alpha is there at the backup, beta comes after it, gamma after the instant; all in the log archive."""
    room = Path(tempfile.mkdtemp(prefix="aerodrome-backups-"))
    room.chmod(0o711)
    try:
        origin = Installation(room / "origin", archive=room / "wal")
        lay_out(data=origin.data)
        ensure_keys(origin.settings)
        with origin.running() as cluster:
            origin.python("manage.py", "migrate", "--database", "owner", "--no-input", "-v", "0")
            first = origin.told("make", "alpha")
        done = origin.command("backup", str(room / "backup"), "--keys", str(room / "keys.json"))
        assert done.returncode == 0, done.stderr
        with origin.running() as cluster:
            second = origin.told("make", "beta")
            with psycopg2.connect(**cluster.connect_arguments()) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp()")
                [between] = cursor.fetchall()[0]
            connection.close()
            last = origin.told("make", "gamma")
            wait_for_segment(admin=cluster.connect_arguments(), archive=room / "wal")
        yield Kept(room, origin, first, between.astimezone(UTC), second, last)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def test_what_was_there_is_there_again(kept: Kept) -> None:
    target, done = kept.restore("again", str(kept.backup), "--keys", str(kept.keys))
    assert done.returncode == 0, done.stderr
    assert "1 tenants" in done.stdout and "RPO" in done.stdout
    with target.running():
        told = target.told("read")
    assert told == kept.first
    assert told["alpha"]["runs"] == {"finished": "success"} and told["alpha"]["secret"] == "secret of alpha"
    assert told["alpha"]["logs"] == ["log of alpha\n"] and told["alpha"]["git"] == "alpha"
    assert told["alpha"]["audit"][0] is True and told["alpha"]["audit"][2] > 0  # signed, and it verifies


@pytest.mark.heavy
def test_an_instant_after_the_backup_comes_from_the_log_archive(kept: Kept) -> None:
    at = ("--until", kept.between.isoformat(), "--wal", str(kept.room / "wal"))
    target, done = kept.restore("instant", str(kept.backup), "--keys", str(kept.keys), *at)
    assert done.returncode == 0, done.stderr
    # Files of after the backup are not in it: only the database goes on from there.
    for part in ("store", "git", "audit-checkpoints"):
        shutil.copytree(kept.origin.data / part, target.data / part, dirs_exist_ok=True)
    with target.running():
        told = target.told("read")
    assert told == kept.second
    assert set(kept.last) - set(told) == {"gamma"}


def test_doctor_says_how_old_the_last_one_is(kept: Kept, tmp_path: Path) -> None:
    def finding(data: Path, *, hours: float = 0) -> Finding:
        settings = read_settings(environment={"AERODROME_DATA": str(data)}, checkout=ROOT)
        return check_backup(settings, now=datetime.now(tz=UTC) + timedelta(hours=hours))

    fresh = finding(kept.origin.data)
    assert fresh.verdict == "ok" and fresh.found.startswith("0 h old")
    assert finding(kept.origin.data, hours=25).verdict == "ok"
    old = finding(kept.origin.data, hours=27)
    assert old.verdict == "warn" and "backup-and-restore" in old.mend
    assert finding(tmp_path / "nothing").verdict == "ok"
    lay_out(data=tmp_path / "data")
    (tmp_path / "data" / "run" / "holder").touch()
    assert finding(tmp_path / "data").found == "there was none yet"


def test_no_key_is_in_the_backup(kept: Kept) -> None:
    keys = json.loads(kept.keys.read_text())["keys"]
    assert {"encryption-key", "signing-key", "secret-key", "postgres-superuser"} <= keys.keys()
    assert kept.keys.stat().st_mode & 0o077 == 0
    wanted = [key.strip().encode() for key in keys.values()]
    for path in (path for path in kept.backup.rglob("*") if path.is_file()):
        content = path.read_bytes()
        assert not any(key in content for key in wanted), path


def _refused(kept: Kept, name: str, *arguments: str) -> str:
    target, done = kept.restore(name, *arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert not target.data.exists()
    return done.stderr


def test_without_its_keys_it_is_refused(kept: Kept) -> None:
    assert "encryption-key" in _refused(kept, "keyless", str(kept.backup))
    other = kept.room / "other-keys.json"
    said = json.loads(kept.keys.read_text())
    said["keys"]["encryption-key"] = said["keys"]["secret-key"]
    other.write_text(json.dumps(said))
    other.chmod(0o600)
    told = _refused(kept, "keyless", str(kept.backup), "--keys", str(other))
    assert "not the keys of the backup: encryption-key" in told
    other.chmod(0o644)
    assert "chmod 600" in _refused(kept, "keyless", str(kept.backup), "--keys", str(other))


def test_a_folder_that_is_not_empty_is_left_alone(kept: Kept) -> None:
    target = Installation(kept.room / "full")
    (target.data / "store").mkdir(parents=True)
    (target.data / "store" / "mine").write_text("mine")
    done = target.command("restore", str(kept.backup), "--keys", str(kept.keys))
    assert done.returncode == 1 and "not empty" in done.stderr
    assert [str(path.relative_to(target.data)) for path in target.data.rglob("*")] == ["store", "store/mine"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"release": "0.0.0"}, "is of release 0.0.0"),
        ({"schema": "0000000000000000"}, "with schema 0000000000000000"),
        ({"format_version": 2}, "has format 2"),
        ({"format": "something"}, "not the manifest"),
    ],
)
def test_another_release_is_refused(kept: Kept, tmp_path: Path, change: dict[str, Any], word: str) -> None:
    said = json.loads((kept.backup / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(said | change))
    assert word in _refused(kept, "version", str(tmp_path), "--keys", str(kept.keys))


@pytest.mark.parametrize("what", ["file", "list", "database", "unfinished"])
def test_a_damaged_backup_is_refused(kept: Kept, what: str) -> None:
    copy = kept.room / f"damaged-{what}"
    shutil.copytree(kept.backup, copy)
    if what == "unfinished":
        (copy / "manifest.json").unlink()
    else:
        named = {"file": next((copy / "files").rglob("*.tar")), "list": copy / "files.ndjson"}
        path = named.get(what) or next((copy / "postgres" / "base").rglob("1259"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    told = _refused(kept, "damaged", str(copy), "--keys", str(kept.keys))
    assert ("no manifest.json" if what == "unfinished" else "damaged") in told


@pytest.mark.heavy
def test_an_instant_that_cannot_be_reached_is_refused(kept: Kept) -> None:
    with_keys = (str(kept.backup), "--keys", str(kept.keys))
    wal = ("--wal", str(kept.room / "wal"))
    assert "before the backup" in _refused(
        kept, "never", *with_keys, "--until", "2020-01-01T00:00:00+00:00", *wal
    )
    assert "future" in _refused(kept, "never", *with_keys, "--until", "2120-01-01T00:00:00+00:00", *wal)
    assert "--wal" in _refused(kept, "never", *with_keys, "--until", kept.between.isoformat())
    late = datetime.now(tz=UTC).isoformat()
    assert "ends before" in _refused(kept, "never", *with_keys, "--until", late, *wal)


def test_a_backup_never_writes_over_anything(kept: Kept) -> None:
    again = kept.origin.command("backup", str(kept.backup))
    assert again.returncode == 1 and "exists already" in again.stderr
    keys = kept.origin.command("backup", str(kept.room / "new"), "--keys", str(kept.keys))
    assert keys.returncode == 1 and "not written over" in keys.stderr
    inside = kept.origin.command("backup", str(kept.room / "new"), "--keys", str(kept.room / "new" / "keys"))
    assert inside.returncode == 1 and "keep the keys elsewhere" in inside.stderr
    assert not (kept.room / "new").exists()


def test_a_copy_in_a_bucket_brings_it_back(kept: Kept) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        login = {"aws_access_key_id": "id", "aws_secret_access_key": "key", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=endpoint, **login).create_bucket(Bucket="far-away")
        credentials = kept.room / "bucket-credentials"
        credentials.write_text("id key")
        credentials.chmod(0o600)
        where = {
            "AERODROME_BACKUP_COPY_ENDPOINT": endpoint,
            "AERODROME_BACKUP_COPY_CREDENTIALS_FILE": str(credentials),
        }
        name = kept.room / "to-be-copied"
        done = kept.origin.command("backup", str(name), **where, AERODROME_BACKUP_COPY="s3://far-away/x")
        assert done.returncode == 0 and "read back and compared" in done.stderr, done.stderr
        shutil.rmtree(name)
        target = Installation(kept.room / "from-bucket")
        url = "s3://far-away/x/to-be-copied.tar"
        back = target.command("restore", url, "--keys", str(kept.keys), **where)
        assert back.returncode == 0 and "3 tenants" in back.stdout, back.stderr
        absent = kept.origin.command("restore", "s3://far-away/x/never.tar", **where)
        assert absent.returncode == 1 and "did not end" in absent.stderr and "Traceback" not in absent.stderr
    finally:
        server.stop()


@pytest.mark.heavy
def test_one_file_holds_all_of_it(kept: Kept) -> None:
    packed = kept.room / "backup.tar"
    done = kept.origin.command("backup", str(packed))
    assert done.returncode == 0 and "keys are not in it" in done.stdout, done.stderr
    target, back = kept.restore("from-file", str(packed), "--keys", str(kept.keys))
    assert back.returncode == 0, back.stderr
    with target.running():
        assert target.told("read") == kept.last


@pytest.mark.heavy
def test_one_tenant_goes_back_and_its_neighbour_stays(kept: Kept) -> None:
    """From the backup and the log archive, in the running installation: beta as of an instant, all else as it is."""
    origin = kept.origin
    at = ("--until", kept.between.isoformat(), "--wal", str(kept.room / "wal"))
    with origin.running():
        before = origin.told("change", "beta")
        assert before["beta"]["secret"] == "changed" and before["beta"]["runs"] != kept.second["beta"]["runs"]
        done = origin.command("tenant", "restore", "beta", "--from", str(kept.backup), *at)
        assert done.returncode == 0, done.stderr
        after = origin.told("read")
        for name in ("runs", "tasks", "secret", "logs"):
            assert after["beta"][name] == kept.second["beta"][name], name
        assert after["beta"]["audit"][0] is True
        assert {slug: told for slug, told in after.items() if slug != "beta"} == {
            slug: told for slug, told in before.items() if slug != "beta"
        }
    assert not list(origin.data.glob("restoring-*"))
