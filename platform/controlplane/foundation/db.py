"""The one door to the database driver: named statements, prepared once per connection.

A statement lives in a file of its own (`controlplane/<station>/sql/<name>.sql`), with parameters written
`%(name)s::type`. The cast is required: it types the prepared statement, and the argument as well. Statements
are prepared on first use per connection because planning the larger ones costs more than running them
(measured: 1-3 ms against 0.2); `AERODROME_PREPARE=false` turns that off behind a transaction pooler.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connections
from psycopg2.extensions import register_adapter
from psycopg2.extras import Json, register_uuid

register_uuid()  # type: ignore[no-untyped-call]
register_adapter(dict, lambda value: Json(value, dumps=json.dumps))

_PARAMETER = re.compile(r"%\((\w+)\)s::([a-z_0-9]+(?: with time zone)?(?:\[\])?)")
_PREPARE = os.environ.get("AERODROME_PREPARE", "true").lower() not in {"0", "false", "no", "off"}

_JSON_OIDS = frozenset({114, 3802})
"""json and jsonb."""

_SESSION = "SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off"
"""Statements are made for nested loops over their index. A generic plan cannot know how short its arrays are,
and with statistics of an emptier table it chooses hash joins that read a tenant's whole history (measured: 10 ms
a statement against 0.3)."""

Row = tuple[Any, ...]

ORDERS = "orders"
"""Channel: there is parse or build work, or a callback, for agents."""

TRIGGERS = "trigger"
"""Channel: there are triggers for agents to run."""


class StatementUnknown(LookupError):
    """No file holds a statement of this name."""


class Statement:
    """One SQL file: its name, its text, and its parameters in order of first use with their types."""

    def __init__(self, path: Path) -> None:
        self.name = f"{path.parent.parent.name}_{path.stem}"
        self.text = path.read_text(encoding="utf-8")
        self.parameters: dict[str, str] = {}
        for name, kind in _PARAMETER.findall(self.text):
            if self.parameters.setdefault(name, kind) != kind:
                raise ValueError(f"{path}: parameter {name} has two types")
        order = list(self.parameters)
        self.prepared = _PARAMETER.sub(lambda m: f"${order.index(m[1]) + 1}::{m[2]}", self.text)
        arguments = ", ".join(f"%({name})s::{kind}" for name, kind in self.parameters.items())
        kinds = ", ".join(self.parameters.values())
        self.prepare = f"PREPARE {self.name}{f' ({kinds})' if kinds else ''} AS {self.prepared}"
        self.execute = f"EXECUTE {self.name}{f' ({arguments})' if arguments else ''}"


@cache
def statement(file: str) -> Statement:
    """The statement in `file`, a path relative to the control plane: `ledger/sql/finish_tasks.sql`."""
    path = Path(__file__).resolve().parents[1] / file
    if not path.is_file():
        raise StatementUnknown(f"no statement at controlplane/{file}")
    return Statement(path)


def execute(file: str, *, using: str = "default", **parameters: Any) -> list[Row]:
    """Run one statement file and return its rows (an empty list when it returns none).

    Lists become arrays, dicts become jsonb, UUIDs and aware datetimes go as they are. Raises Django's
    database errors. Called by `ledger` and the stations that own SQL, inside their caller's transaction.
    """
    wanted = statement(file)
    if missing := wanted.parameters.keys() - parameters.keys():
        raise TypeError(f"{file}: missing {', '.join(sorted(missing))}")
    if extra := parameters.keys() - wanted.parameters.keys():
        raise TypeError(f"{file}: unknown {', '.join(sorted(extra))}")
    connection = connections[using]
    with connection.cursor() as cursor:
        if _PREPARE:
            raw = connection.connection
            known: tuple[object, set[str]] | None = getattr(connection, "_aerodrome_prepared", None)
            if known is None or known[0] is not raw:
                known = (raw, set())
                connection._aerodrome_prepared = known  # type: ignore[attr-defined]
                cursor.execute(_SESSION)
            if wanted.name not in known[1]:
                cursor.execute(wanted.prepare)
                known[1].add(wanted.name)
            cursor.execute(wanted.execute, parameters)
        else:
            cursor.execute(wanted.text, parameters)
        return _rows(cursor) if cursor.description else []


def _rows(cursor: Any) -> list[Row]:
    """All rows. Django leaves jsonb as text on its connections; here it is decoded."""
    rows: list[Row] = cursor.fetchall()
    encoded = [place for place, column in enumerate(cursor.description) if column.type_code in _JSON_OIDS]
    if not encoded:
        return rows
    return [
        tuple(
            json.loads(value) if place in encoded and isinstance(value, str) else value
            for place, value in enumerate(row)
        )
        for row in rows
    ]


COLLISIONS = frozenset({"40P01", "40001", "55P03"})
"""SQLSTATE of a deadlock, a serialization failure, a lock not available: nothing is broken, do it again."""


def is_collision(error: BaseException | None) -> bool:
    """Whether the transaction only met another one: it was rolled back whole, and may be made again."""
    while error is not None:
        if getattr(error, "pgcode", None) in COLLISIONS:
            return True
        error = error.__cause__
    return False


class PayloadNotOpaque(ValueError):
    """A notification would have told content: channels have no row-level security, everybody may listen."""


def notify(channel: str, payload: str = "", *, using: str = "default") -> None:
    """NOTIFY at commit. The payload is a UUID or nothing. Raises PayloadNotOpaque."""
    if payload and uuid_or_none(payload) is None:
        raise PayloadNotOpaque(f"the payload on {channel!r} is neither empty nor a UUID")
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])


@contextmanager
def listening(*channels: str, using: str = "default") -> Iterator[Any]:
    """A driver connection of its own, in autocommit, that LISTENs: `fileno()`, `poll()` and `notifies`.

    Inside, the driver's errors come as Django's: who waits for a lost database catches one kind only.
    """
    raw = connections[using].copy()
    raw.ensure_connection()
    try:
        with raw.wrap_database_errors:
            raw.connection.autocommit = True
            with raw.connection.cursor() as cursor:
                for channel in channels:
                    cursor.execute(f'LISTEN "{channel}"')
            yield raw.connection
    finally:
        raw.close()


def json_parameter(value: Any) -> str:
    """JSON text for a `::jsonb` parameter."""
    return json.dumps(value, separators=(",", ":"))


def json_list(values: list[Any]) -> list[str | None]:
    """JSON texts for a `::jsonb[]` parameter; None stays SQL NULL."""
    return [None if value is None else json_parameter(value) for value in values]


def uuid_or_none(value: str) -> UUID | None:
    """The UUID in `value`, or None when it is not one: callers answer "not found", as for an unknown id."""
    try:
        return UUID(value)
    except (ValueError, AttributeError, TypeError):
        return None
