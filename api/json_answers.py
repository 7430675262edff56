"""JSON answers, encoded once, straight from dicts and structs."""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse


def _plain(value: Any) -> Any:
    """Texts of other libraries' own kinds (rest framework's error details, lazy translations)."""
    if isinstance(value, str):
        return str.__str__(value)
    raise NotImplementedError(f"{type(value).__name__} has no place in JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def json_answer(
    data: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> HttpResponse:
    """`data` as JSON: instants as RFC 3339, UUIDs as text."""
    return HttpResponse(_encoder.encode(data), status=status, headers=headers, content_type=content_type)


def encode(data: Any) -> bytes:
    """The same, as bytes: for answers that are sent in pieces."""
    return _encoder.encode(data)
