"""One audit row's content in its canonical form, and the hashes over it. Pure: verified offline by the same code.

`digest` is SHA-256 of the content as JSON: keys sorted, no spaces, UTF-8, instants in UTC with microseconds. It
leaves out where the row stands, so that a row that was moved is told from one that was altered. `hash` chains:
SHA-256 of a zero byte, the chain's id (16 bytes), the sequence number (8 bytes, big-endian), the hash before, the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
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


def link(*, chain: UUID, seq: int, prev: bytes, digest: bytes) -> bytes:
    """The hash of the row `seq`, given the hash of the row before."""
    return hashlib.sha256(b"\0" + chain.bytes + seq.to_bytes(8, "big") + prev + digest).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value
