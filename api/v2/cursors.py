"""Keyset pagination: a token names the last row of a page by its sort values.

The token is opaque to callers: base64url of JSON, `~` in front when it leads backwards, as Airflow's do.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from api.v2.listing import ordered
from api.v2.refusals import Refusal

M = TypeVar("M", bound=Model)
COUNT_LIMIT = 50_000
"""Under cursors the total is counted up to here only: counting everything would cost more than the page."""


@dataclass(frozen=True, slots=True)
class CursorPage:
    rows: list[Any]
    total: int
    next_cursor: str | None
    previous_cursor: str | None


def cursor_page(
    rows: QuerySet[M],
    *,
    cursor: str,
    limit: int,
    columns: Sequence[tuple[str, bool]],
    read: Callable[[M, str], Any],
) -> CursorPage:
    """The page behind (or, with `~`, before) the cursor; an empty cursor is the first page.

    `read` gives a row's value of a sort column. Raises the 400 that Airflow gives for a broken token.
    """
    total = rows.order_by()[:COUNT_LIMIT].count()
    backwards = cursor.startswith("~")
    found = ordered(rows, columns, backwards=backwards)
    values = _decode(cursor.removeprefix("~"), len(columns)) if cursor else None
    try:
        if values is not None:
            found = found.filter(_behind(columns, values, backwards))
        fetched = list(found[: limit + 1])
    except (ValueError, TypeError, ValidationError) as error:
        raise Refusal(400, "Invalid cursor token") from error
    has_more, shown = len(fetched) > limit, fetched[:limit]
    if backwards:
        shown.reverse()
    has_next, has_previous = (True, has_more) if backwards else (has_more, bool(cursor))

    def token(row: M) -> str:
        return _encode([read(row, field) for field, _ in columns])

    return CursorPage(
        rows=shown,
        total=total,
        next_cursor=token(shown[-1]) if has_next and shown else None,
        previous_cursor=f"~{token(shown[0])}" if has_previous and shown else None,
    )


def _behind(columns: Sequence[tuple[str, bool]], values: list[Any], backwards: bool) -> Q:
    """Rows strictly after these values, with empty fields where Postgres sorts them: last when ascending."""
    condition: Q | None = None
    for (field, descending), value in reversed(list(zip(columns, values, strict=True))):
        down = descending != backwards
        empty = Q(**{f"{field}__isnull": True})
        if value is None:
            same, after = empty, (~empty if down else None)
        else:
            same = Q(**{field: value})
            after = Q(**{f"{field}__{'lt' if down else 'gt'}": value})
            after = after if down else after | empty
        if condition is None:
            condition = after if after is not None else Q(pk__in=[])
        else:
            condition = (same & condition) | after if after is not None else same & condition
    return condition if condition is not None else Q()


def _encode(values: list[Any]) -> str:
    plain = [
        str(v) if isinstance(v, UUID) else v.isoformat() if isinstance(v, datetime) else v for v in values
    ]
    return base64.urlsafe_b64encode(msgspec.json.encode(plain)).decode().rstrip("=")


def _decode(token: str, length: int) -> list[Any]:
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise Refusal(400, "Invalid cursor token") from error
    if not isinstance(values, list):
        raise Refusal(400, "Invalid cursor token structure")
    if len(values) != length:
        raise Refusal(400, "Cursor token does not match current query shape")
    if any(
        isinstance(value, dict | list) or (isinstance(value, str) and "\x00" in value) for value in values
    ):
        raise Refusal(400, "Invalid cursor token structure")
    return values
