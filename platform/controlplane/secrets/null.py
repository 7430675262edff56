"""A store that hides nothing and a source that asks nobody, which keep their contracts' other promises: for tests of
what stands on them.

Neither can be chosen: not by the environment (`store.py`), not in a chain (`chain.py`).
"""

from __future__ import annotations

import hashlib
import os
from typing import Any
from uuid import UUID

from controlplane.secrets.connection_shape import connection_from
from controlplane.secrets.contract import Place, SealBroken
from controlplane.secrets.source import Kind, is_path

VERSION = b"\x00"


class NullStore:
    """Envelope: 0x00 | random (12) | SHA-256 of place and content (32) | content."""

    def seal(self, *, plain: bytes, place: Place) -> bytes:
        """See the contract."""
        salt = os.urandom(12)
        return VERSION + salt + _check(salt, place, plain) + plain

    def open(self, *, sealed: bytes, place: Place, using: str = "default") -> bytes:
        """See the contract."""
        salt, check, plain = sealed[1:13], sealed[13:45], sealed[45:]
        if sealed[:1] != VERSION or check != _check(salt, place, plain):
            raise SealBroken(f"{place.table} {place.row_id}: was not sealed for this row")
        return plain

    def forget(self, *, tenant_id: UUID) -> None:
        """See the contract. There is no key."""


def _check(salt: bytes, place: Place, plain: bytes) -> bytes:
    return hashlib.sha256(salt + place.bound() + plain).digest()


class NullSource:
    """A source that holds what it is given: connections in any form of `connection_shape`, variables as texts."""

    def __init__(self, held: dict[tuple[Kind, str], Any]) -> None:
        self.held = held
        self.asked: list[tuple[Kind, str]] = []

    def read(self, *, kind: Kind, name: str) -> Any:
        """See the contract."""
        self.asked.append((kind, name))
        found = self.held.get((kind, name)) if is_path(name) else None
        if isinstance(found, Exception):
            raise found
        if found is not None and kind == "connection":
            return connection_from(found, conn_id=name)
        return found

    def load(self) -> None:
        """Nothing more."""

    def abort(self) -> None:
        """It never waits."""
