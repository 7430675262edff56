"""The children's log files: opened for append, kept small, and quoted when something fails."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 20 * 1024 * 1024


def open_log(*, path: Path) -> BinaryIO:
    """Opens ``path`` for a child to append to; readable by the owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = path.open("ab")
    path.chmod(0o600)
    return file


def trim_log(*, path: Path) -> bool:
    """Moves a log that grew past ``LARGEST_BYTES`` to ``<name>.1``; True when it did.

    The child goes on writing to the same file: it is open for append, so emptying it is safe. A line written
    between the copy and the emptying is lost.
    """
    try:
        if path.stat().st_size <= LARGEST_BYTES:
            return False
    except FileNotFoundError:
        return False
    shutil.copyfile(path, path.with_name(path.name + ".1"))
    with path.open("r+b") as file:
        file.truncate(0)
    return True


def last_lines(*, path: Path, count: int = 20) -> str:
    """The last lines of a log, for a person who must find out why something failed."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 16_384))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])
