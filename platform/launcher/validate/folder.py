"""A folder as the bundle that a push of it would be: an archive of its files."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

MOST_BYTES = 250 * 10**6


class FolderUnusable(Exception):
    """There is nothing to check; the message says what to give instead."""


def pack(root: Path) -> bytes:
    """An uncompressed tar of every file that Git would take, or of all files outside of a work tree."""
    if not root.is_dir():
        raise FolderUnusable(f"{root} is not a folder: give the root of the bundle, which holds dags/")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in _files(root):
            archive.add(root / path, arcname=path, recursive=False)
            if packed.tell() > MOST_BYTES:
                raise FolderUnusable(
                    f"{root} holds more than {MOST_BYTES // 10**6} MB: is it the bundle's root?"
                )
    return packed.getvalue()


def _files(root: Path) -> list[str]:
    asked = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."],
        capture_output=True, check=False,
    )  # fmt: skip
    if asked.returncode == 0:
        names = {name for name in asked.stdout.decode(errors="surrogateescape").split("\0") if name}
        return sorted(name for name in names if (root / name).is_symlink() or (root / name).is_file())
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if (path.is_symlink() or path.is_file())
        and not {".git", "__pycache__"} & set(path.relative_to(root).parts)
    )
