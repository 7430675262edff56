"""A store that hides nothing but keeps the contract's other promises: for tests of what stands on a store.

It cannot be chosen by the environment (`store.py`).
"""

from __future__ import annotations

import hashlib
import os

from controlplane.secrets.contract import Place, SealBroken

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


def _check(salt: bytes, place: Place, plain: bytes) -> bytes:
    return hashlib.sha256(salt + place.bound() + plain).digest()
