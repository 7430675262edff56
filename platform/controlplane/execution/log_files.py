"""Task logs as files in one folder: the store of a control plane on one machine or on a shared volume."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from pathlib import Path

from controlplane.execution.log_contract import LogStoreFull

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PIECE = r"(?!\.)[A-Za-z0-9_.~%-]{1,200}"
_KEY = re.compile(rf"{_UUID}/{_PIECE}/{_PIECE}/{_PIECE}/-?[0-9]{{1,10}}/[0-9]{{1,10}}\.log", re.ASCII)

_TENANT = re.compile(_UUID, re.ASCII)
_FOLDER = re.compile(rf"{_UUID}/{_PIECE}/{_PIECE}", re.ASCII)


class LogKeyInvalid(ValueError):
    """Not a key that `log_key` makes: it might name a file elsewhere."""


class LogFiles:
    """Everything is below `root`: keys hold no `..`, no link is followed. Files are 0600, folders 0700."""

    def __init__(self, *, root: Path) -> None:
        self._root = root

    def append(self, *, key: str, offset: int, data: bytes) -> int:
        """See the contract. Two writers of one log exclude each other by a lock on the file."""
        if offset < 0:
            raise ValueError(f"an offset is not negative: {offset}")
        descriptor = self._open_to_write(key)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            stored = os.fstat(descriptor).st_size
            if offset > stored or offset + len(data) <= stored:
                return stored
            rest = memoryview(data)[stored - offset :]
            while rest:
                written = os.pwrite(descriptor, rest, stored)
                stored, rest = stored + written, rest[written:]
            return stored
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise LogStoreFull(error.errno, f"no room for the log {key}") from error
            raise
        finally:
            os.close(descriptor)

    def read(self, *, key: str, offset: int, limit: int) -> bytes:
        """See the contract."""
        try:
            descriptor = self._open(key, os.O_RDONLY)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, max(limit, 0), max(offset, 0))
        finally:
            os.close(descriptor)

    def size(self, *, key: str) -> int:
        """See the contract."""
        try:
            descriptor = self._open(key, os.O_RDONLY)
        except FileNotFoundError:
            return 0
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def forget(self, *, folder: str) -> int:
        """See the contract."""
        if not _FOLDER.fullmatch(folder):
            raise LogKeyInvalid(f"not the folder of a run: {folder[:300]!r}")
        *above, name = folder.split("/")
        try:
            at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return 0
        try:
            for piece in above:
                below = os.open(piece, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
            found = sum(len(files) for _, _, files, _ in os.fwalk(name, dir_fd=at))
            if found:
                shutil.rmtree(name, dir_fd=at)
            return found
        except FileNotFoundError:
            return 0
        finally:
            os.close(at)

    def sizes(self, *, folder: str) -> dict[str, int]:
        """See the contract. Reads names and sizes alone; what goes away meanwhile is nothing."""
        if not _TENANT.fullmatch(folder):
            raise LogKeyInvalid(f"not the folder of a tenant: {folder[:300]!r}")
        found: dict[str, int] = {}
        root = self._root / folder
        for at, _, names in os.walk(root):
            pieces = Path(at).relative_to(root).parts
            for name in names if pieces else ():
                with contextlib.suppress(FileNotFoundError):
                    size = Path(at, name).lstat().st_size
                    found[pieces[0]] = found.get(pieces[0], 0) + size
        return found

    def _open_to_write(self, key: str) -> int:
        flags = os.O_RDWR | os.O_CREAT
        try:
            return self._open(key, flags)
        except FileNotFoundError:
            folder = self._root
            for piece in key.split("/")[:-1]:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder = folder / piece
            folder.mkdir(mode=0o700, exist_ok=True)
            return self._open(key, flags)

    def _open(self, key: str, flags: int) -> int:
        if not _KEY.fullmatch(key):
            raise LogKeyInvalid(f"not the key of a log: {key[:300]!r}")
        *folders, name = key.split("/")
        at = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Folder by folder, so that a link in the middle is refused as well.
            for folder in folders:
                below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
            return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
        finally:
            os.close(at)
