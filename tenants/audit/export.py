"""A chain as text, row by row: NDJSON that verifies offline, and CSV that no spreadsheet runs.

NDJSON has everything that is under the digest, in the form in which it is hashed, with place and hashes: whoever has
the file and the checkpoints needs nothing of ours (docs/how-to/audit.md shows how). CSV follows RFC 4180; a cell that a
spreadsheet could take for a formula begins with an apostrophe (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tenants.audit.entry import FIELDS

FORMATS: Final = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
COLUMNS: Final = ("seq", *FIELDS, "prev", "digest", "hash")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def record_of(row: Any, *, chain: UUID) -> dict[str, Any]:
    """One row as JSON. `before`, `after` and `detail` stay texts, as they are hashed."""
    said: dict[str, Any] = {name: _plain(getattr(row, name)) for name in COLUMNS}
    return {"chain": str(chain), **said}


def as_ndjson(rows: Iterable[Any], *, chain: UUID) -> Iterator[bytes]:
    """A JSON object per line. Control and direction characters are escaped: a line stays a line."""
    for row in rows:
        yield json.dumps(record_of(row, chain=chain), separators=(",", ":")).encode() + b"\n"


def as_csv(rows: Iterable[Any], *, chain: UUID) -> Iterator[bytes]:
    """A header line, then a line per row."""
    yield _line([*COLUMNS])
    for row in rows:
        record = record_of(row, chain=chain)
        yield _line([_cell(record[name]) for name in COLUMNS])


def _line(cells: list[str]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerow(cells)
    return buffer.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    if isinstance(value, int):
        return text
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return str(value) if isinstance(value, UUID) else value
