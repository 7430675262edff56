"""Bytes and hashes that are the same for the same meaning. Called by the runtime and by `dagprocessor`."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces; structs lose their defaults, so a new default changes no hash."""
    return _encoder.encode(value)


def content_hash(value: Any) -> str:
    """SHA-256, hex, of `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
