"""Large values as files in one folder: the store of a control plane on one machine or on a shared volume."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from controlplane.execution.object_contract import ObjectGone, ObjectStoreFull

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = re.compile(rf"{_UUID}/{_UUID}\.(?:json|part)", re.ASCII)
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ObjectKeyInvalid(ValueError):
    """Not the key of an object: it might name a file elsewhere."""


class ObjectFiles:
    """Everything is below `root`. Files are 0600, folders 0700."""

    def __init__(self, *, root: Path) -> None:
        self._root = root

    def put(self, *, key: str, data: bytes) -> None:
        """See the contract: a `.part` first, which becomes the object once it is on the disk."""
        path = self._path(key)
        part = path.with_suffix(".part")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(part, _WRITE, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ObjectStoreFull(error.errno, f"no room for the object {key}") from error
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def get(self, *, key: str) -> bytes:
        """See the contract."""
        try:
            with os.fdopen(
                os.open(self._path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb"
            ) as file:
                return file.read()
        except FileNotFoundError:
            raise ObjectGone(f"the object {key} is not in the store") from None

    def delete(self, *, key: str) -> None:
        """See the contract."""
        self._path(key).unlink(missing_ok=True)

    def each(self) -> Iterator[str]:
        """See the contract."""
        with contextlib.suppress(FileNotFoundError):
            for folder in sorted(self._root.iterdir()):
                for file in folder.iterdir():
                    key = f"{folder.name}/{file.name}"
                    if _KEY.fullmatch(key):
                        yield key

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ObjectKeyInvalid(f"not the key of an object: {key[:300]!r}")
        return self._root / key
