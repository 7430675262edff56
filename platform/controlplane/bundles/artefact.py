"""A bundle's bytes at rest: one canonical tar per content, named by its digest, written once.

The same files give the same tar whatever they came in: sorted, no owner, no time, and an execute bit exactly
for files that begin with `#!`. Called by `publish`, by `dagprocessor.store` for sources, and by the gateway
that hands artefacts to agents.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from django.conf import settings

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 512


class ArtefactMissing(LookupError):
    """No artefact of this digest is stored here."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """`hashes`: path -> SHA-256 of each file. `byte_count` sums the files, not the tar."""

    digest: str
    hashes: dict[str, str]
    byte_count: int


class _Hashing:
    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.sha = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.sha.update(data)
        self._out.write(data)


def store_artefact(*, files: Mapping[str, bytes]) -> Artefact:
    """Write the canonical tar of `files` (clean bundle paths), durably, unless it is stored already."""
    folder = Path(settings.STORE_DIR) / "bundles"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as out:
            hashing = _Hashing(out)
            for path in sorted(files):
                _write_member(hashing, path, files[path])
            hashing.write(b"\0" * (2 * _BLOCK))
            out.flush()
            digest = hashing.sha.hexdigest()
            target = artefact_path(digest)
            target.parent.mkdir(exist_ok=True, mode=0o700)
            with held(target.parent):
                if target.exists():
                    os.utime(target)  # whoever sweeps sees that it is wanted, before any row says so
                else:
                    os.fsync(out.fileno())
                    Path(temporary).replace(target)
                    _sync_folder(target.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
    hashes = {path: hashlib.sha256(files[path]).hexdigest() for path in sorted(files)}
    return Artefact(digest, hashes, sum(map(len, files.values())))


def artefact_path(digest: str) -> Path:
    """Where the artefact of this digest lies or would lie. Raises `ArtefactMissing` for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        raise ArtefactMissing(f"{digest!r} is not an artefact's digest")
    return Path(settings.STORE_DIR) / "bundles" / digest[:2] / f"{digest}.tar"


def open_artefact(digest: str) -> BinaryIO:
    """The artefact's bytes, opened for reading. Raises `ArtefactMissing`."""
    try:
        return artefact_path(digest).open("rb")
    except FileNotFoundError:
        raise ArtefactMissing(f"artefact {digest} is not stored here") from None


def read_files(*, digest: str, paths: Collection[str]) -> dict[str, bytes]:
    """The content of those of `paths` that the artefact holds. Raises `ArtefactMissing`."""
    wanted = set(paths)
    found: dict[str, bytes] = {}
    if not wanted:
        return found
    # Our own writer made this archive, so the library's reader may be trusted with it.
    with open_artefact(digest) as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
        for member in archive:
            if member.name in wanted and (content := archive.extractfile(member)) is not None:
                found[member.name] = content.read()
                if len(found) == len(wanted):
                    break
    return found


def read_all(*, digest: str) -> dict[str, bytes]:
    """The content of every file of the artefact. Raises `ArtefactMissing`."""
    found: dict[str, bytes] = {}
    with open_artefact(digest) as raw, tarfile.open(fileobj=raw, mode="r:") as archive:
        for member in archive:
            if (content := archive.extractfile(member)) is not None:
                found[member.name] = content.read()
    return found


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else stores or deletes an artefact in this folder meanwhile, in any process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write_member(out: _Hashing, path: str, content: bytes) -> None:
    header = tarfile.TarInfo(path)
    header.size = len(content)
    header.mode = 0o755 if content.startswith(b"#!") else 0o644
    out.write(header.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
    out.write(content)
    out.write(b"\0" * (-len(content) % _BLOCK))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
