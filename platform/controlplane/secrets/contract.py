"""What a secret store does: seal bytes for one place in one tenant's table, and open them there only.

Bodies: `embedded.py` (envelope encryption with a key of our own), `null.py` (no encryption: tests).
`store.py` says which one is in use. Callers are `variables.py` and `connections.py`, inside a tenant's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Place:
    """Where a value is stored. It is authenticated with the value: elsewhere the value does not open."""

    tenant_id: UUID
    table: str
    column: str
    row_id: UUID

    def bound(self) -> bytes:
        """Bytes that are different for every two different places (lengths go first)."""
        table, column = self.table.encode(), self.column.encode()
        lengths = len(table).to_bytes(2, "big") + len(column).to_bytes(2, "big")
        return lengths + self.tenant_id.bytes + table + column + self.row_id.bytes


class SealBroken(ValueError):
    """The bytes are not what was sealed for this place: changed, cut, copied from elsewhere, or of a format
    this release does not know. Nothing of them is returned."""


class KeyUnavailable(LookupError):
    """The key that seals or opens cannot be had; the value itself may be fine."""


class KeyKept(Exception):
    """What wraps a tenant's data keys may not be deleted by us. It opens nothing any more: what it wrapped is gone."""


class SecretStore(Protocol):
    """`seal` and `open` run inside the scope of `place.tenant_id`; `using` names the connection that holds it."""

    def seal(self, *, plain: bytes, place: Place) -> bytes:
        """An envelope that opens at `place`; another one with each call. Raises KeyUnavailable."""

    def open(self, *, sealed: bytes, place: Place, using: str = "default") -> bytes:
        """What was sealed. Raises SealBroken and KeyUnavailable."""

    def forget(self, *, tenant_id: UUID) -> None:
        """The tenant is gone, its rows with it: what the store keeps of it elsewhere goes, too. Again: no change. In
        no scope, for it may ask another service. Raises KeyUnavailable when it could not be asked, KeyKept when it
        must not delete."""
