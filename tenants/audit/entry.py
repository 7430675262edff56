"""One audit row's content in its canonical form, and the hashes over it. Pure: verified offline by the same code.

`digest` is SHA-256 of the content as JSON: keys sorted, no spaces, UTF-8, instants in UTC with microseconds. It
leaves out where the row stands, so that a row that was moved is told from one that was altered. `hash` chains:
SHA-256 of a zero byte, the chain's id (16 bytes), the sequence number (8 bytes, big-endian), the hash before, the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

START: Final = bytes(32)
"""What stands before the first row."""
PLATFORM: Final = UUID(int=0)
"""The id of the platform's own chain."""
FIELDS: Final = (
    "id", "at", "action", "target", "outcome", "actor_kind", "actor", "actor_id", "address", "request_id",
    "method", "route", "status", "before", "after", "detail",
)  # fmt: skip
"""Columns under the digest, beside the chain's id and, on the platform's chain, the organisation."""

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(content: Mapping[str, Any]) -> str:
    """The one JSON text of `content`."""
    return _ENCODER.encode(content)


def digest_of(content: Mapping[str, Any], *, chain: UUID) -> bytes:
    """SHA-256 of a row's content (`FIELDS`, and `organisation_id` where there is one)."""
    shown = {name: _plain(value) for name, value in content.items()} | {"chain": str(chain)}
    return hashlib.sha256(canonical(shown).encode()).digest()


class ChainHashes:
    """`digest_of` and `link` for the rows of one chain, at several times the speed: the keys are sorted and written once,
    each value is written by its type. A test holds it against both over whatever a row can hold."""

    def __init__(self, *, chain: UUID) -> None:
        names = sorted(FIELDS if chain != PLATFORM else (*FIELDS, "organisation_id"))
        self._values = attrgetter(*names)
        keys = {name: f'"{name}":%s' for name in names} | {"chain": f'"chain":"{chain}"'}
        self._text = "{" + ",".join(keys[name] for name in sorted(keys)) + "}"
        self._linked = b"\0" + chain.bytes

    def digest(self, row: Any) -> bytes:
        """SHA-256 of what of `row` is under its digest."""
        texts = tuple([_JSON.get(type(value), _other)(value) for value in self._values(row)])
        return hashlib.sha256((self._text % texts).encode()).digest()

    def link(self, *, seq: int, prev: bytes, digest: bytes) -> bytes:
        """The hash of the row `seq`, given the hash of the row before."""
        return hashlib.sha256(self._linked + seq.to_bytes(8, "big") + prev + digest).digest()


def _other(value: Any) -> str:
    return _ENCODER.encode(_plain(value))


_JSON: Final[dict[type, Callable[[Any], str]]] = {
    str: encode_basestring,
    type(None): lambda value: "null",
    int: str,
    UUID: lambda value: f'"{value}"',
    datetime: lambda value: f'"{value.astimezone(UTC).isoformat(timespec="microseconds")}"',
}


def link(*, chain: UUID, seq: int, prev: bytes, digest: bytes) -> bytes:
    """The hash of the row `seq`, given the hash of the row before."""
    return hashlib.sha256(b"\0" + chain.bytes + seq.to_bytes(8, "big") + prev + digest).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
