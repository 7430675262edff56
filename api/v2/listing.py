"""Pages of lists as Airflow gives them: patterns, ranges, order, limit and offset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F, Model, Q, QuerySet

from api.v2.query import Query, Range
from api.v2.refusals import Refusal

M = TypeVar("M", bound=Model)
MAX_ORDERS = 10
Order = Mapping[str, str | Sequence[str]]
"""Name that callers use -> field, or fields, of ours."""


def contains(rows: QuerySet[M], query: Query, **patterns: str) -> QuerySet[M]:
    """`name="field"`: `name_pattern` finds it anywhere, without case, with SQL's own wildcards; `|` is OR."""
    return searched(rows, query, **{f"{name}_pattern": field for name, field in patterns.items()})


def searched(rows: QuerySet[M], query: Query, **parameters: str) -> QuerySet[M]:
    """`contains`, for parameters with names of their own: `parameter="field"`."""
    for name, field in parameters.items():
        given = query.text(name)
        if given is None:
            continue
        condition = Q()
        for term in _terms(given):
            condition |= Q(**{f"{field}__iwildcard": "%" if term == "~" else f"%{term}%"})
        rows = rows.filter(condition)
    return rows


def starts(rows: QuerySet[M], query: Query, **patterns: str) -> QuerySet[M]:
    """`name="field"`: `name_prefix_pattern` finds it at the beginning, with case, by a range of the index.

    As in Airflow, characters at the end of a term that are neither letters nor digits are left out.
    """
    for name, field in patterns.items():
        given = query.text(f"{name}_prefix_pattern")
        if given is None:
            continue
        condition = Q()
        for term in _terms(given):
            condition |= _prefix(field, "" if term == "~" else term)
        rows = rows.filter(condition)
    return rows


def patterns(rows: QuerySet[M], query: Query, **fields: str) -> QuerySet[M]:
    """Both kinds of pattern for each name."""
    return starts(contains(rows, query, **fields), query, **fields)


def within(
    rows: QuerySet[M], field: str, bounds: Range, *, open_until: datetime | None = None
) -> QuerySet[M]:
    """Rows whose `field` is within the bounds. With `open_until` (now), an empty field counts as not reached
    yet: it passes lower bounds, and upper bounds that are not in the past."""
    for lookup, value in bounds.bounds:
        condition = Q(**{f"{field}__{lookup}": value})
        if open_until is not None:
            ahead = {"gte": True, "gt": True, "lte": open_until <= value, "lt": open_until < value}[lookup]
            condition |= Q(**{f"{field}__isnull": True}) if ahead else Q()
        rows = rows.filter(condition)
    return rows


def any_of(rows: QuerySet[M], field: str, values: Sequence[Any]) -> QuerySet[M]:
    """Rows whose field is one of the values (None among them: empty); no values, no filter."""
    if not values:
        return rows
    condition = Q(**{f"{field}__in": [value for value in values if value is not None]})
    if None in values:
        condition |= Q(**{f"{field}__isnull": True})
    return rows.filter(condition)


def ordering(
    wanted: Sequence[str], allowed: Order, *, default: str, key: str = "id"
) -> list[tuple[str, bool]]:
    """`[(field, descending)]`, ended by `key` so that pages neither repeat nor lose rows."""
    wanted = wanted or [default]
    if len(wanted) > MAX_ORDERS:
        raise Refusal(
            400, f"Ordering with more than {MAX_ORDERS} parameters is not allowed. Provided: {list(wanted)}"
        )
    columns: list[tuple[str, bool]] = []
    for name in wanted:
        plain, descending = name.lstrip("-"), name.startswith("-")
        fields = allowed.get(plain)
        if fields is None:
            raise Refusal(
                400, f"Ordering with '{plain}' is disallowed or the attribute does not exist on the model"
            )
        columns += [(field, descending) for field in ([fields] if isinstance(fields, str) else fields)]
    if key not in [field for field, _ in columns]:
        columns.append((key, wanted[0].startswith("-")))
    return columns


def ordered(
    rows: QuerySet[M], columns: Sequence[tuple[str, bool]], *, backwards: bool = False
) -> QuerySet[M]:
    """The rows in that order; Postgres' own place for empty fields."""
    return rows.order_by(
        *(F(field).desc() if down != backwards else F(field).asc() for field, down in columns)
    )


def page(
    rows: QuerySet[M], query: Query, allowed: Order, *, default: str, key: str = "id"
) -> tuple[list[M], int]:
    """One page and the number of all rows: two statements."""
    columns = ordering(query.texts("order_by"), allowed, default=default, key=key)
    offset, limit = query.offset(), query.limit()
    return list(ordered(rows, columns)[offset : offset + limit]), rows.count()


def _terms(given: str) -> list[str]:
    if "|" in given:
        return [term.strip() for term in given.split("|") if term.strip()] or [given]
    return [given]


def _prefix(field: str, term: str) -> Q:
    while term and not term[-1].isalnum():
        term = term[:-1]
    if not term:
        return Q(**{f"{field}__isnull": False})
    lower, upper = term, term
    while upper:
        following = chr(ord(upper[-1]) + 1) if ord(upper[-1]) < 0x10FFFF else ""
        if following.isalnum():
            return Q(**{f"{field}__gte": lower, f"{field}__lt": upper[:-1] + following})
        upper = upper[:-1]
        while upper and not upper[-1].isalnum():
            upper = upper[:-1]
    return Q(**{f"{field}__gte": lower})
