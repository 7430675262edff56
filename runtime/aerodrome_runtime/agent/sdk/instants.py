"""Instants come out of a frame as datetimes (msgpack's timestamp) and go into a query as ISO 8601."""

from __future__ import annotations

from datetime import datetime


def isoformat(value: datetime | str) -> str:
    return value if isinstance(value, str) else value.isoformat()
