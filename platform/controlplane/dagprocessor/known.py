"""What is already known of a bundle's files: parse results whose every reason still holds. Pure.

A result holds while the file, everything that was read with it, and every folder whose names were read are
the same, in the same runtime. Absent files count too: a path that was looked for in vain has an empty digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

PASSING = frozenset({"timeout", "memory", "crash", "output"})
"""Kinds of failure that another attempt may not meet: such files are parsed again with the next version."""


class Result(Protocol):
    """A row of `ledger.FileParse`."""

    path: str
    sha256: str
    dependencies: dict[str, str]
    listed: dict[str, str]
    dag_hashes: dict[str, str]
    failures: list[dict[str, object]]


class Listings:
    """The names in each folder of one bundle, as a digest per folder; the root is `.`."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._names: dict[str, set[str]] = {}
        for path in paths:
            while path:
                folder, _, name = path.rpartition("/")
                names = self._names.setdefault(folder or ".", set())
                if name in names:
                    break
                names.add(name)
                path = folder

    def digest(self, folder: str) -> str:
        """SHA-256 of the folder's sorted names; of none when there is no such folder."""
        return hashlib.sha256("\0".join(sorted(self._names.get(folder, ()))).encode()).hexdigest()


def holds(*, result: Result, files: Mapping[str, str], listings: Listings, passing_too: bool = False) -> bool:
    """Whether `result` says what parsing would say in the bundle of `files` (path -> digest).

    `passing_too`: also a failure that another attempt may not meet holds, for who must not wait for one.
    """
    return (
        files.get(result.path) == result.sha256
        and all(files.get(path, "") == digest for path, digest in result.dependencies.items())
        and all(listings.digest(folder) == digest for folder, digest in result.listed.items())
        and (passing_too or not any(failure.get("kind") in PASSING for failure in result.failures))
    )
