"""Unpack a bundle artefact: regular files and folders only, inside the target only, read-only, bounded.

The control plane makes these archives itself from checked uploads; the agent checks again, because a tenant's
files are in them and `tarfile.extractall` trusts too much.
"""

from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath

MOST_BYTES = 512 * 1024 * 1024
MOST_FILES = 20_000


class BundleHostile(Exception):
    """The archive holds what a bundle cannot hold; the message names the entry."""


def unpack(*, artefact: Path, target: Path) -> None:
    """Unpack a tar (any compression that Python reads) into the new folder `target`."""
    target.mkdir(mode=0o755)
    files = 0
    total = 0
    with tarfile.open(artefact, "r:*") as archive:
        for entry in archive:
            path = PurePosixPath(entry.name)
            if path.is_absolute() or ".." in path.parts or "\0" in entry.name:
                raise BundleHostile(f"{entry.name!r} leaves the bundle")
            place = target.joinpath(*path.parts)
            files += 1
            if files > MOST_FILES:
                raise BundleHostile(f"more than {MOST_FILES} entries")
            if entry.isdir():
                place.mkdir(parents=True, exist_ok=True, mode=0o755)
                continue
            if not entry.isreg():
                raise BundleHostile(f"{entry.name!r} is neither a file nor a folder")
            total += entry.size
            if total > MOST_BYTES:
                raise BundleHostile(f"more than {MOST_BYTES} bytes unpacked")
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            source = archive.extractfile(entry)
            if source is None:
                raise BundleHostile(f"{entry.name!r} has no content")
            with place.open("xb") as out:
                while chunk := source.read(1 << 20):
                    out.write(chunk)
            place.chmod(0o555 if entry.mode & 0o111 else 0o444)
