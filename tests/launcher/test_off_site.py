"""A backup's copy in a bucket is read back and compared before it counts; what is damaged or half there is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from launcher.backups.bucket import Bucket
from launcher.backups.file_copies import copy_out, sha256_of
from launcher.backups.manifest import BackupUnusable, CopyNotMade, Manifest, write_manifest
from launcher.backups.off_site import copy_off_site, fetched
from launcher.settings import Settings, SettingWrong, read_settings

PART = 5 * 1024 * 1024
"""The least that S3 takes for all but the last part."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="id",
        aws_secret_access_key="key",
    )


@pytest.fixture
def settings(s3: Any, endpoint: str, tmp_path: Path) -> Settings:
    name = f"backups-{uuid4().hex}"
    s3.create_bucket(Bucket=name)
    credentials = tmp_path / "credentials"
    credentials.write_text("id key\n")
    credentials.chmod(0o600)
    return read_settings(
        environment={
            "AERODROME_DATA": str(tmp_path / "data"),
            "AERODROME_BACKUP_COPY": f"s3://{name}/far/away",
            "AERODROME_BACKUP_COPY_ENDPOINT": endpoint,
            "AERODROME_BACKUP_COPY_CREDENTIALS_FILE": str(credentials),
        },
        checkout=tmp_path,
    )


@pytest.fixture
def bucket(settings: Settings) -> Bucket:
    return Bucket(url=str(settings.backup_copy), settings=settings, part_bytes=PART)


@pytest.fixture
def backup(tmp_path: Path) -> tuple[Path, Manifest]:
    """A base backup in small, with a file of several parts and an empty folder."""
    folder, store = tmp_path / "night", tmp_path / "store"
    (folder / "postgres" / "pg_notify").mkdir(parents=True)
    store.mkdir()
    (store / "log").write_bytes(b"log of a task\n" * 800_000)
    (folder / "postgres" / "PG_VERSION").write_text("18\n")
    row = {"Path": "PG_VERSION", "Size": 3, "Checksum": hashlib.sha256(b"18\n").hexdigest()}
    (folder / "postgres" / "backup_manifest").write_text(json.dumps({"Files": [row]}))
    copied = copy_out(folders={"store": store}, backup=folder)
    manifest = Manifest(
        release="1",
        schema="s",
        taken_at="2026-11-21T02:00:00+00:00",
        database={
            "kind": "base",
            "version": "18.0",
            "digest": sha256_of(folder / "postgres" / "backup_manifest"),
        },
        files={"count": 1, "bytes": copied.size, "digest": copied.digest},
        keys={},
    )
    write_manifest(folder=folder, manifest=manifest)
    return folder, manifest


def objects(s3: Any, settings: Settings) -> dict[str, int]:
    name = str(settings.backup_copy).split("/")[2]
    listed = s3.list_objects_v2(Bucket=name).get("Contents", [])
    return {one["Key"]: one["Size"] for one in listed}


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256_of(path) if path.is_file() else "folder"
        for path in folder.rglob("*")
    }


def test_the_copy_is_the_backup(
    s3: Any, settings: Settings, bucket: Bucket, backup: tuple[Path, Manifest]
) -> None:
    address = copy_off_site(backup=backup[0], manifest=backup[1], bucket=bucket)
    assert address == f"{settings.backup_copy}/night.tar"
    there = objects(s3, settings)
    assert sorted(there) == ["far/away/night.json", "far/away/night.tar"]
    assert there["far/away/night.tar"] > 2 * PART, "in three parts"
    with fetched(url=address, settings=settings) as folder:
        assert tree(folder) == tree(backup[0])
    assert not folder.exists()
    assert copy_off_site(backup=backup[0], manifest=backup[1], bucket=bucket) == address, "asked again"


@pytest.mark.parametrize(
    "name",
    ["files/store/log", "files.ndjson", "postgres/PG_VERSION", "postgres/backup_manifest", "manifest.json"],
)
def test_a_backup_that_changed_where_it_lies_has_no_copy(
    s3: Any, settings: Settings, bucket: Bucket, backup: tuple[Path, Manifest], name: str
) -> None:
    content = (backup[0] / name).read_bytes()
    (backup[0] / name).write_bytes(content.replace(b"1", b"2", 1) if b"1" in content else b"L" + content[1:])
    with pytest.raises(CopyNotMade, match=name.rsplit("/", 1)[-1]):
        copy_off_site(backup=backup[0], manifest=backup[1], bucket=bucket)
    assert "far/away/night.json" not in objects(s3, settings)


def test_a_store_that_loses_bytes_is_found_out(
    s3: Any, settings: Settings, backup: tuple[Path, Manifest]
) -> None:
    class Lossy(Bucket):
        """Between the last part and the first reading, a bit of the object changes."""

        def put_stream(self, name: str, fill: Any) -> None:
            super().put_stream(name, fill)
            with self.stream(name) as body:
                content = bytearray(body.read())
            content[-1] ^= 1  # behind the end of the archive: no file of it is touched
            self.put(name, bytes(content))

    lossy = Lossy(url=str(settings.backup_copy), settings=settings)
    with pytest.raises(CopyNotMade, match="read back"):
        copy_off_site(backup=backup[0], manifest=backup[1], bucket=lossy)
    assert "far/away/night.json" not in objects(s3, settings)


def test_a_copy_that_is_damaged_or_did_not_end_is_refused(
    s3: Any, settings: Settings, bucket: Bucket, backup: tuple[Path, Manifest]
) -> None:
    address = copy_off_site(backup=backup[0], manifest=backup[1], bucket=bucket)
    with bucket.stream("night.tar") as body:
        content = bytearray(body.read())
    content[-1] ^= 1
    bucket.put("night.tar", bytes(content))
    with (
        pytest.raises(BackupUnusable, match="not as it was written"),
        fetched(url=address, settings=settings),
    ):
        pytest.fail("it was taken")
    with (
        pytest.raises(BackupUnusable, match="did not end"),
        fetched(url=f"{settings.backup_copy}/other.tar", settings=settings),
    ):
        pytest.fail("it was taken")
    assert not list(settings.data.parent.glob(".aerodrome-*")), "nothing is left"


def test_another_backup_of_the_name_is_not_written_over(
    s3: Any, settings: Settings, bucket: Bucket, backup: tuple[Path, Manifest]
) -> None:
    copy_off_site(backup=backup[0], manifest=backup[1], bucket=bucket)
    before = objects(s3, settings)
    other = Manifest(**{**vars(backup[1]), "taken_at": "2026-11-22T02:00:00+00:00"})
    with pytest.raises(CopyNotMade, match="nothing is written over"):
        copy_off_site(backup=backup[0], manifest=other, bucket=bucket)
    assert objects(s3, settings) == before


def test_what_the_store_says_is_told(s3: Any, settings: Settings, backup: tuple[Path, Manifest]) -> None:
    absent = Bucket(url="s3://nobody-has-this/x", settings=settings)
    with pytest.raises(CopyNotMade, match=r"is whole, but it has no copy .*NoSuchBucket"):
        copy_off_site(backup=backup[0], manifest=backup[1], bucket=absent)


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("COPY", "gs://bucket/x", "s3://"),
        ("COPY", "s3://", "s3://"),
        ("COPY_ENDPOINT", "minio:9000", "https://"),
        ("COPY_CREDENTIALS_FILE", "credentials", "absolute"),
        ("FOLDER", "backups", "absolute"),
        ("HOUR", "24", "from 0 to 23"),
        ("KEEP", "0", "from 1 to"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str, word: str) -> None:
    with pytest.raises(SettingWrong, match=f"AERODROME_BACKUP_{name} .*{word}"):
        read_settings(environment={f"AERODROME_BACKUP_{name}": value}, checkout=tmp_path)
