"""What a benchmark asks of a system under measurement."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from benchmarks.peers.rest import Rest


class System(Protocol):
    """A running system. Made by ``peers.open_systems``; everything it started ends with the bench."""

    name: str

    @property
    def rest(self) -> Rest:
        """Its public API, signed in."""

    def publish(self, files: Mapping[str, Path], *, dag_ids: list[str]) -> None:
        """Give it these DAG files by its usual way; returns when every DAG is known and not paused."""

    def roots(self) -> dict[int, str]:
        """The processes that all its others descend from: pid to a name for people."""

    def label(self, command: str) -> str | None:
        """A name for a process below the roots by its command line; None: it counts to its parent."""

    def reaped_as(self, name: str) -> str:
        """Where the time of ended children of a process named so belongs."""

    def database(self) -> dict[str, object] | None:
        """How to reach its Postgres as a superuser (libpq's parameter names), None when that is not ours."""
