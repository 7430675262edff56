"""A backup's copy in another place: one object, written as a stream and read back whole before it counts.

<name>.tar     the backup, as `./aerodrome backup NAME.tar` would write it
<name>.json    its size and SHA-256; written last, after every byte was read back and every file compared with the
               backup's own manifests. A copy without it is one that did not end.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from launcher.backups.bucket import Bucket
from launcher.backups.manifest import (
    BASE,
    DUMP,
    LIST,
    NAME,
    BackupUnusable,
    BucketFailed,
    CopyNotMade,
    Manifest,
)
from launcher.settings import Settings

_PIECE = 1024 * 1024
_READ_WHOLE = (NAME, LIST, f"{BASE}/backup_manifest")


def copy_off_site(*, backup: Path, manifest: Manifest, bucket: Bucket) -> str:
    """Copy and verify; its address. One that is there already is not written again. Raises CopyNotMade."""
    name = backup.name.removesuffix(".tar")
    try:
        said = bucket.get(f"{name}.json")
        if said is None:
            sent = _Digest()
            bucket.put_stream(f"{name}.tar", lambda into: _write(backup, sent.before(into)))
            with bucket.stream(f"{name}.tar") as body:
                _verify(body, sent=sent, manifest=manifest)
            told = {"sha256": sent.hex, "size": sent.size, "manifest": asdict(manifest)}
            bucket.put(f"{name}.json", json.dumps(told, indent=2).encode() + b"\n")
        elif json.loads(said).get("manifest") != asdict(manifest):
            raise CopyNotMade(
                f"{bucket.address(name)}.json is that of another backup: nothing is written over"
            )
    except (BucketFailed, BackupUnusable, ValueError, tarfile.TarError) as error:
        raise CopyNotMade(
            f"the backup {backup} is whole, but it has no copy in {bucket.address('')}: {error}"
        ) from error
    return f"{bucket.address(name)}.tar"


@contextmanager
def fetched(*, url: str, settings: Settings) -> Iterator[Path]:
    """The folder of a copy, unpacked beside the data folder for the block. Raises BackupUnusable, BucketFailed."""
    place, _, name = url.removesuffix(".tar").rpartition("/")
    bucket = Bucket(url=place, settings=settings)
    said = bucket.get(f"{name}.json")
    if said is None:
        raise BackupUnusable(
            f"there is no {bucket.address(name)}.json: it is no copy, or one that did not end"
        )
    beside = next(path for path in settings.data.parents if path.is_dir())
    room = Path(tempfile.mkdtemp(prefix=".aerodrome-unpacked-", dir=beside))
    try:
        digest = _Digest()
        with bucket.stream(f"{name}.tar") as body:
            reader = digest.after(body)
            try:
                with tarfile.open(fileobj=reader, mode="r|") as archive:
                    archive.extractall(room, filter="data")
            except tarfile.TarError as error:
                raise BackupUnusable(f"{url} is damaged: {error}") from error
            _drain(reader)
        try:
            told = json.loads(said)
            whole = (told["sha256"], told["size"]) == (digest.hex, digest.size)
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise BackupUnusable(f"{url} is not as it was written: the copy is damaged")
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


class _Digest:
    """SHA-256 and size of what goes through."""

    def __init__(self) -> None:
        self._sha, self.size = hashlib.sha256(), 0

    @property
    def hex(self) -> str:
        return self._sha.hexdigest()

    def take(self, piece: bytes) -> bytes:
        self._sha.update(piece)
        self.size += len(piece)
        return piece

    def before(self, into: io.RawIOBase) -> Any:
        """A file that writes on."""
        return _Through(lambda piece: into.write(self.take(bytes(piece))))

    def after(self, body: Any) -> Any:
        """A file that reads on."""
        return _Through(lambda size: self.take(body.read(size)))


class _Through:
    def __init__(self, call: Any) -> None:
        self.read = self.write = call


def _write(backup: Path, into: Any) -> None:
    if backup.is_file():
        with backup.open("rb") as file:
            while piece := file.read(_PIECE):
                into.write(piece)
        return
    with tarfile.open(fileobj=into, mode="w|") as archive:
        for path in sorted(backup.iterdir()):
            archive.add(path, arcname=path.name)


def _verify(body: Any, *, sent: _Digest, manifest: Manifest) -> None:
    """That what is there is what was sent, and holds what the manifests say. Raises BackupUnusable."""
    back, found, whole = _Digest(), dict[str, tuple[str, int]](), dict[str, bytes]()
    reader = back.after(body)
    with tarfile.open(fileobj=reader, mode="r|") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            digest, kept = _Digest(), bytearray()
            while piece := digest.take(file.read(_PIECE)):
                if member.name in _READ_WHOLE:
                    kept += piece
            found[member.name] = (digest.hex, digest.size)
            if member.name in _READ_WHOLE:
                whole[member.name] = bytes(kept)
    _drain(reader)
    if (back.hex, back.size) != (sent.hex, sent.size):
        raise BackupUnusable(f"{back.size} bytes were read back that are not the {sent.size} that were sent")
    if json.loads(whole.get(NAME, b"null")) != asdict(manifest):
        raise BackupUnusable(f"{NAME} is not that of the backup")
    database = f"{BASE}/backup_manifest" if manifest.database["kind"] == "base" else DUMP
    for name, digest_said in ((LIST, manifest.files["digest"]), (database, manifest.database["digest"])):
        if found.get(name, ("",))[0] != digest_said:
            raise BackupUnusable(f"{name} is not as the manifest says")
    for name, sha256, size in _wanted(whole):
        if found.get(name) != (sha256, size):
            raise BackupUnusable(f"{name} is not as it was when the backup was made")


def _wanted(whole: dict[str, bytes]) -> Iterator[tuple[str, str, int]]:
    """Path, SHA-256 and size of each file that the two lists name."""
    for line in whole[LIST].splitlines():
        row = json.loads(line)
        yield f"files/{row['path']}", row["sha256"], row["size"]
    for row in json.loads(whole.get(f"{BASE}/backup_manifest", b"{}")).get("Files", []):
        path = row["Path"] if "Path" in row else os.fsdecode(bytes.fromhex(row["Encoded-Path"]))
        yield f"{BASE}/{path}", row["Checksum"], row["Size"]


def _drain(reader: Any) -> None:
    """What a tar file has behind its end counts as well."""
    while reader.read(_PIECE):
        pass
