"""One backup a day in a folder: once, kept as many as wanted, its copy tried again; each day by a process of `up`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from launcher.backups.daily import back_up_daily, begin_of_day
from launcher.backups.last import last_backup
from launcher.backups.manifest import BackupUnusable, CopyNotMade
from launcher.data_folder import lay_out
from launcher.settings import read_settings
from launcher.stack import ensure_keys
from tests.launcher.test_backups import ROOT, Installation

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    room = Path(tempfile.mkdtemp(prefix="aerodrome-daily-"))
    room.chmod(0o711)
    try:
        lay_out(data=room / "origin")
        origin = Installation(room / "origin")
        ensure_keys(origin.settings)
        with origin.running():
            pass
        (room / "origin" / "run" / "status.json").unlink(missing_ok=True)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


@pytest.fixture
def folder(room: Path) -> Iterator[Path]:
    (room / "origin" / "run" / "last-backup.json").unlink(missing_ok=True)
    (room / "backups").mkdir()
    yield room / "backups"
    shutil.rmtree(room / "backups")


def daily(room: Path, *, now: datetime, hour: int = 0, **variables: str) -> Path | None:
    given = {
        "AERODROME_BACKUP_FOLDER": str(room / "backups"),
        "AERODROME_BACKUP_HOUR": str(hour),
        **variables,
    }
    settings = read_settings(environment={"AERODROME_DATA": str(room / "origin"), **given}, checkout=ROOT)
    return back_up_daily(settings=settings, checkout=ROOT, admin_url=None, now=now, tell=lambda line: None)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_a_day_begins_at_its_hour() -> None:
    noon = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    assert begin_of_day(now=noon, hour=12) == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert begin_of_day(now=noon, hour=13) == datetime(2026, 11, 20, 13, tzinfo=UTC)


def test_one_a_day_and_the_newest_are_kept(room: Path, folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / ".making").mkdir()  # of one that was killed
    now = datetime.now(tz=UTC)
    hour = now.hour
    first = daily(room, now=now, hour=hour)
    assert first is not None and (first / "manifest.json").exists()
    said = last_backup(data=room / "origin")
    assert said is not None and said.target == str(first)
    assert daily(room, now=now, hour=hour) is None
    second = daily(room, now=now + DAY, hour=hour, AERODROME_BACKUP_KEEP="1")
    assert second is not None and names(folder) == [second.name, "mine"]


def test_a_copy_that_failed_is_tried_again_without_another_backup(room: Path, folder: Path) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        credentials = room / "credentials"
        credentials.write_text("id key")
        credentials.chmod(0o600)
        off_site = {
            "AERODROME_BACKUP_COPY": "s3://each-day/daily",
            "AERODROME_BACKUP_COPY_ENDPOINT": endpoint,
            "AERODROME_BACKUP_COPY_CREDENTIALS_FILE": str(credentials),
        }
        now = datetime.now(tz=UTC)
        hour = now.hour
        with pytest.raises(CopyNotMade, match="NoSuchBucket"):
            daily(room, now=now, hour=hour, **off_site)
        [made] = names(folder)
        assert last_backup(data=room / "origin") is None, "it counts when it is in both places"
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="id",
            aws_secret_access_key="key",
        )
        s3.create_bucket(Bucket="each-day")
        assert daily(room, now=now, hour=hour, **off_site) == folder / made
        assert names(folder) == [made] and last_backup(data=room / "origin") is not None
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket="each-day")["Contents"]]
        assert keys == [f"daily/{made}.json", f"daily/{made}.tar"]
    finally:
        server.stop()


def test_a_volume_that_is_not_there_is_not_made(room: Path) -> None:
    with pytest.raises(BackupUnusable, match="is its volume there"):
        daily(room, now=datetime.now(tz=UTC))
    assert not (room / "backups").exists()


def test_the_process_that_stays_makes_it_and_ends_when_told(room: Path, folder: Path) -> None:
    program = subprocess.Popen(
        [sys.executable, "-P", "-m", "launcher", "backup", "--daily", "--stay"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "AERODROME_DATA": str(room / "origin"),
            "AERODROME_BACKUP_FOLDER": str(folder),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline().startswith(f"Backed up to {folder}/aerodrome-")
        program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=60) == 0
    finally:
        program.kill()
        program.communicate()
    assert len(names(folder)) == 1
