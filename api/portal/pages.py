"""Pages of lists: each list of the portal is read page by page, and a page is found by the last row of the one before.

A list takes `limit` (1 to 500, 100 without it) and `after`, a cursor that only this list of this tenant gives. The answer
has `next`: the path of the following page with the same filters, or null; and the same as a `Link` header (RFC 8288).
Rows that come or go meanwhile neither repeat nor hide others, as nothing is counted.

The shape of the answer is a `PageShape`: from that the document tells of `limit` and `after`, and
tests/api/portal/test_lists.py knows that the list has pages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

USUAL: Final = 100
MOST: Final = 500
_LONGEST = 4000


class PageQuery(serializers.Serializer[None]):
    """What every list takes; `PortalSchema` adds it to the operations whose answer is a `PageShape`."""

    limit = serializers.IntegerField(
        required=False, default=USUAL, min_value=1, max_value=MOST, help_text="Rows of one page"
    )
    after = serializers.CharField(
        required=False, max_length=_LONGEST, help_text="Where the page begins: it stands in `next`"
    )


class PageShape(serializers.Serializer[None]):
    """A page: a subclass names the rows."""

    next = serializers.CharField(
        allow_null=True, help_text="The path of the following page, with the same filters; null at the end"
    )


@dataclass(frozen=True, slots=True)
class Page:
    """`rows` in the list's order, and the path of what follows them."""

    rows: list[Any]
    next: str | None

    def answer(self, name: str, shown: Iterable[Any], **more: Any) -> Response:
        """The answer whose rows are called `name`; `more` stands beside them."""
        headers = {"Link": f'<{self.next}>; rel="next"'} if self.next else None
        return Response({name: list(shown), **more, "next": self.next}, headers=headers)


def page_of(request: Request, rows: QuerySet[Any], *order: str) -> Page:
    """The page of a query that was asked for. `order` as for `order_by`: together unique, never null, and (in a
    query of values) among its columns. Raises ValidationError, which names the field."""
    limit, behind = _asked(request, order)
    if behind is not None:
        rows = rows.filter(_behind(order, behind))
    found = list(rows.order_by(*order)[: limit + 1])
    return _page(request, found, limit, order, lambda row: [_value(row, each) for each in order])


def page_of_all(request: Request, rows: Sequence[Any], key: Callable[[Any], list[Any]]) -> Page:
    """The same of rows that are at hand already: few by nature, or kept as one document. They are put into the
    order of `key`: texts and numbers, together unique."""
    limit, behind = _asked(request, ("key",))
    ordered = sorted(rows, key=key)
    found = ordered if behind is None else [row for row in ordered if key(row) > behind]
    return _page(request, found[: limit + 1], limit, ("key",), key)


def asked_of(shape: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """A list's own filters, checked. Raises ValidationError, which names the fields."""
    given = shape(data=request.query_params.dict())
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def _asked(request: Request, order: Sequence[str]) -> tuple[int, list[Any] | None]:
    asked = asked_of(PageQuery, request)
    if "after" not in asked:
        return asked["limit"], None
    try:
        return asked["limit"], signing.loads(asked["after"], salt=_salt(request, order))
    except signing.BadSignature as error:
        raise ValidationError({"after": ["This list gave no such cursor: take it from `next`."]}) from error


def _page(
    request: Request, found: list[Any], limit: int, order: Sequence[str], key: Callable[[Any], list[Any]]
) -> Page:
    rows = found[:limit]
    if len(found) <= limit:
        return Page(rows, None)
    query = request.query_params.copy()
    query["after"] = signing.dumps(
        [_plain(value) for value in key(rows[-1])], salt=_salt(request, order), compress=True
    )
    return Page(rows, f"{request.path}?{query.urlencode()}")


def _salt(request: Request, order: Sequence[str]) -> str:
    """Another list's cursor, or one of the same list in another order, is no cursor here."""
    return f"page:{request.path}:{','.join(order)}"


def _behind(order: Sequence[str], values: list[Any]) -> Q:
    """Rows strictly behind these values: (a > x) or (a = x and (b > y or …))."""
    condition = Q()
    for each, value in reversed(list(zip(order, values, strict=True))):
        column = each.removeprefix("-")
        further = Q(**{f"{column}__{'lt' if each.startswith('-') else 'gt'}": value})
        condition = further | (Q(**{column: value}) & condition) if condition else further
    return condition


def _value(row: Any, column: str) -> Any:
    name = column.removeprefix("-")
    if isinstance(row, dict):
        return row[name]
    for part in name.split("__"):
        row = getattr(row, part)
    return row


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
