"""Checkpoints as files: `<folder>/<chain>/<number>.json`, written once, read-only afterwards.

The folder belongs elsewhere than the database: another volume, a mounted bucket with object lock, a host that only
takes files. `AERODROME_AUDIT_CHECKPOINTS` names it.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from uuid import UUID

from tenants.audit.checkpoint import CheckpointThere

_NAME = re.compile(r"[0-9]{12}\.json", re.ASCII)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class CheckpointFiles:
    """See the contract in `checkpoint.py`."""

    def __init__(self, *, root: Path) -> None:
        self._root = root

    def put(self, *, chain: UUID, number: int, text: str) -> None:
        folder = self._root / str(chain)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / f"{number:012d}.json"
        part = folder / f".{number:012d}.{os.getpid()}.part"
        part.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(part, _WRITE, 0o400), "wb") as file:
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # fails where there is one already; a rename would replace it
        except FileExistsError as error:
            raise CheckpointThere(str(path)) from error
        finally:
            part.unlink(missing_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, *, chain: UUID) -> list[tuple[int, str]]:
        with contextlib.suppress(FileNotFoundError):
            names = sorted(path for path in (self._root / str(chain)).iterdir() if _NAME.fullmatch(path.name))
            return [(int(path.stem), path.read_text(encoding="utf-8", errors="replace")) for path in names]
        return []

    def get(self, *, chain: UUID, number: int) -> str | None:
        with contextlib.suppress(FileNotFoundError):
            path = self._root / str(chain) / f"{number:012d}.json"
            return path.read_text(encoding="utf-8", errors="replace")
        return None

    def chains(self) -> list[UUID]:
        found = []
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(self._root.iterdir()):
                with contextlib.suppress(ValueError):
                    found.append(UUID(folder.name))
        return found
