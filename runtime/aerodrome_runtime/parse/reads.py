"""Which files of the bundle a parse looked at: the reasons to parse it again.

An audit hook hears every `open`, import included, and every listing of a folder. Audit hooks say nothing of
`stat`, and many a DAG file asks `os.path.exists` before it opens: so `os.stat` is wrapped for the time of the
parse. A failed import is remembered by the files that would have satisfied it. What other processes or C
libraries read by themselves is not heard.

Paths are text all through: an audit hook runs inside every open and must make no objects.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import os
import sys
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

_IMPORTLIB = ("<frozen importlib", "<frozen zipimport")

_active: Reads | None = None
_is_hooked = False
_module_files: set[str] = set()
"""Of every parse in this process: a module that is imported already is not read again."""


class Reads:
    """Collects while it is entered; only one at a time per process."""

    def __init__(self, *, bundle_root: str, search_paths: list[str]) -> None:
        self.bundle_root = bundle_root
        self._prefix = bundle_root + os.sep
        self._search_paths = search_paths
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def __enter__(self) -> Reads:
        global _active, _is_hooked
        if not _is_hooked:
            sys.addaudithook(_hear)
            _is_hooked = True
        self._modules_before = len(sys.modules)
        self._stat = os.stat
        os.stat = self._hear_stat  # type: ignore[assignment]
        sys.meta_path.append(self)  # type: ignore[arg-type]
        _active = self
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        global _active
        _active = None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        os.stat = self._stat

    def digests(self) -> dict[str, str]:
        """Bundle path -> SHA-256 of each file that was looked at; an empty string where there is no file."""
        self._add_modules()
        return {path: _digest(self._prefix + path) for path in sorted(self.files)}

    def add(self, path: object) -> None:
        """Note a file by any spelling of its path; ignored outside the bundle."""
        name = self._relative(path)
        if name is None or name == "":
            return
        if "__pycache__" in name:
            try:
                name = importlib.util.source_from_cache(self._prefix + name)[len(self._prefix) :]
            except ValueError:
                return
        self.files.add(name.replace(os.sep, "/"))

    def add_folder(self, path: object) -> None:
        """Note a folder whose names were read; the bundle's root is `.`."""
        name = self._relative("." if path is None else path)
        if name is not None:
            self.folders.add(name.replace(os.sep, "/") or ".")

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        """The last finder of all: whoever comes here asked in vain for a module."""
        if not self._asked_by_bundle():
            return
        tail = fullname.rpartition(".")[2]
        for folder in self._search_paths if path is None else list(path):
            self.add(f"{folder}/{tail}.py")
            self.add(f"{folder}/{tail}/__init__.py")

    def _hear_stat(self, path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if self._relative(path):
            self._add_unless_folder(path)
        return self._stat(path, *args, **kwargs)

    def _add_unless_folder(self, path: Any) -> None:
        try:
            is_folder = (self._stat(path).st_mode & 0o170000) == 0o040000
        except (OSError, ValueError):
            is_folder = False
        if not is_folder:
            self.add(path)

    def _relative(self, path: object) -> str | None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, os.PathLike):
            path = os.fspath(path)
        if not isinstance(path, str):
            return None
        full = os.path.abspath(path)  # noqa: PTH100  (runs inside every open: no objects)
        if full == self.bundle_root:
            return ""
        return full[len(self._prefix) :] if full.startswith(self._prefix) else None

    def _asked_by_bundle(self) -> bool:
        frame = sys._getframe(2)
        while frame is not None:
            filename = frame.f_code.co_filename
            if not filename.startswith(_IMPORTLIB) and "/importlib/" not in filename:
                return filename.startswith(self._prefix)
            frame = frame.f_back  # type: ignore[assignment]
        return False

    def _add_modules(self) -> None:
        """Modules new since the start, by age; to look at all would touch every page they lie on."""
        added = max(0, len(sys.modules) - self._modules_before)
        for name in list(itertools.islice(reversed(sys.modules), added)):
            filename = getattr(sys.modules[name], "__file__", None)
            if isinstance(filename, str) and filename.startswith(self._prefix):
                _module_files.add(filename if Path(filename).exists() else _zip_of(filename))
        for filename in _module_files:
            self.add(filename)


def _hear(event: str, args: tuple[Any, ...]) -> None:
    reads = _active
    if reads is None:
        return
    if event == "open":
        path, mode = args[0], args[1]
        if not (isinstance(mode, str) and mode[:1] in ("w", "a", "x")):
            reads.add(path)
    elif event in ("os.listdir", "os.scandir") and not _is_importing(sys._getframe(1)):
        reads.add_folder(args[0])


def _is_importing(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_IMPORTLIB)


def _zip_of(filename: str) -> str:
    head = filename.partition(".zip" + os.sep)[0]
    return head + ".zip"


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""
