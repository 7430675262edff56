"""Copies folders of a living installation, file by file with their digests, and back with a check of each.

What the files are makes that safe: artefacts and large XComs are never changed, logs only grow, a Git repository's
objects are there before a reference names them (references are copied first). Files that vanish meanwhile were
temporary, or are no longer wanted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.backups.manifest import LIST, BackupUnusable

_PIECE = 1024 * 1024
_TEMPORARY = ("tmp_", ".new-", ".tmp-", ".restoring-")


@dataclass(frozen=True)
class Copied:
    """`digest` is that of the list of files."""

    count: int
    size: int
    digest: str


def copy_out(*, folders: dict[str, Path], backup: Path) -> Copied:
    """Copy these folders to `backup/files/<part>` and add them to the list."""
    count = size = 0
    with (backup / LIST).open("a") as listed:
        for part, root in folders.items():
            (backup / "files" / part).mkdir(parents=True, exist_ok=True)
            for path in _files(root):
                target = backup / "files" / part / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    digest, length = _copy(path, target)
                except FileNotFoundError:
                    target.unlink(missing_ok=True)
                    continue
                row = {"path": f"{part}/{path.relative_to(root)}", "size": length, "sha256": digest}
                listed.write(json.dumps(row) + "\n")
                count, size = count + 1, size + length
    return Copied(count, size, sha256_of(backup / LIST))


def copy_back(*, backup: Path, folders: dict[str, Path]) -> Copied:
    """Copy each listed file to its folder. Raises BackupUnusable at the first that is not as it was written."""
    count = size = 0
    for row in _listed(backup):
        part, _, rest = str(row["path"]).partition("/")
        root = folders.get(part)
        if root is None or not (root / rest).resolve().is_relative_to(root.resolve()):
            raise BackupUnusable(f"the backup lists a file outside of it: {row['path']}")
        target = root / rest
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            digest, length = _copy(backup / "files" / part / rest, target)
        except FileNotFoundError:
            raise BackupUnusable(f"the backup lacks files/{row['path']}") from None
        if (digest, length) != (row["sha256"], row["size"]):
            raise BackupUnusable(f"files/{row['path']} is not as it was written: the backup is damaged")
        count, size = count + 1, size + length
    return Copied(count, size, sha256_of(backup / LIST))


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(backup: Path) -> Iterator[dict[str, object]]:
    with (backup / LIST).open() as listed:
        for line in listed:
            yield json.loads(line)


def _files(root: Path) -> Iterator[Path]:
    """Of a folder; of a repository first what is outside `objects`."""
    if not root.is_dir():
        return
    for wants_objects in (False, True):
        for folder, below, names in os.walk(root):
            below.sort()
            inside = "objects" in Path(folder).relative_to(root).parts
            for name in sorted(names):
                path = Path(folder) / name
                if inside == wants_objects and _is_kept(path):
                    yield path


def _is_kept(path: Path) -> bool:
    return not path.name.startswith(_TEMPORARY) and not path.name.endswith(".lock") and not path.is_symlink()


def _copy(source: Path, target: Path) -> tuple[str, int]:
    """(SHA-256, bytes) of what was copied: of a growing file, what was there when it was opened."""
    sha, length = hashlib.sha256(), 0
    with source.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        left = os.fstat(file.fileno()).st_size
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            while left and (piece := file.read(min(_PIECE, left))):
                out.write(piece)
                sha.update(piece)
                length, left = length + len(piece), left - len(piece)
            os.fchmod(out.fileno(), mode)
    return sha.hexdigest(), length
