"""Bytes and hashes that are the same for the same meaning. Called by the runtime and by `dagprocessor`."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces; structs lose their defaults, so a new default changes no hash.

    Defaults are compared by value. msgspec's own `omit_defaults` compares some by identity: a spec would lose
    other fields before it went over the wire than after.
    """
    return _encoder.encode(_without_defaults(value))


def content_hash(value: Any) -> str:
    """SHA-256, hex, of `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _without_defaults(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        told = {}
        for name, encoded, has_default, default in _fields(type(value)):
            held = getattr(value, name)
            if not (has_default and held == default):
                told[encoded] = _without_defaults(held)
        return told
    if isinstance(value, dict):
        return {key: _without_defaults(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_defaults(held) for held in value]
    return value


@functools.cache
def _fields(struct: type[msgspec.Struct]) -> list[tuple[str, str, bool, Any]]:
    told = []
    for field in msgspec.structs.fields(struct):
        has_default = not field.required
        default = field.default
        if default is msgspec.NODEFAULT and has_default:
            default = field.default_factory()
        told.append((field.name, field.encode_name, has_default, default))
    return told
