"""Reads query parameters as strictly as Airflow does, with the same messages for mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from django.http import QueryDict
from pydantic import AfterValidator, AwareDatetime, NonNegativeInt, TypeAdapter, ValidationError

from api.v2.refusals import Refusal, invalid

T = TypeVar("T")
MAX_PAGE = 100
DEFAULT_PAGE = 50

_INTEGER = TypeAdapter(int)
_SIZE = TypeAdapter(NonNegativeInt)
_FLOAT = TypeAdapter(float)
_BOOLEAN = TypeAdapter(bool)
_INSTANT = TypeAdapter(datetime)
_DAY = TypeAdapter(date)


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds that were given: `(lookup, value)` with Django's lookups gte, gt, lte, lt."""

    bounds: tuple[tuple[str, Any], ...]


class Query:
    """The query string of one request."""

    def __init__(self, values: QueryDict) -> None:
        self._values = values

    def text(self, name: str) -> str | None:
        """The last value given, or None. A zero byte, which Postgres cannot hold, is refused."""
        value = self._values.get(name)
        if value is not None and "\x00" in value:
            raise Refusal(400, f"The query parameter {name} has a zero byte")
        return value

    def texts(self, name: str) -> list[str]:
        """Every value given."""
        values = self._values.getlist(name)
        if any("\x00" in value for value in values):
            raise Refusal(400, f"The query parameter {name} has a zero byte")
        return values

    def limit(self) -> int:
        """Rows on a page: 50 unless told, 100 at most."""
        given = self._one("limit", _SIZE)
        return min(DEFAULT_PAGE if given is None else given, MAX_PAGE)

    def offset(self) -> int:
        """Rows to leave out before the page."""
        given = self._one("offset", _SIZE)
        return min(given or 0, 2**62)

    def integer(self, name: str) -> int | None:
        return self._one(name, _INTEGER)

    def integers(self, name: str) -> list[int]:
        return [self._read(name, value, _INTEGER, index) for index, value in enumerate(self.texts(name))]

    def number(self, name: str) -> float | None:
        return self._one(name, _FLOAT)

    def boolean(self, name: str) -> bool | None:
        return self._one(name, _BOOLEAN)

    def instant(self, name: str) -> datetime | None:
        """An instant; one without a time zone is in UTC."""
        given = self._one(name, _INSTANT)
        return None if given is None else aware(given)

    def date(self, name: str) -> date | None:
        """A calendar day; the first and the last there are count as near ones, whose midnights exist everywhere."""
        given = self._one(name, _DAY)
        return (
            None
            if given is None
            else max(min(given, date.max - timedelta(days=2)), date.min + timedelta(days=2))
        )

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """One of a fixed set of words."""
        return self._one(name, TypeAdapter(Literal[tuple(allowed)]))  # type: ignore[misc]

    def instants(self, name: str) -> Range:
        """`name_gte`, `name_gt`, `name_lte`, `name_lt` as instants."""
        found = [(lookup, self.instant(f"{name}_{lookup}")) for lookup in ("gte", "gt", "lte", "lt")]
        return Range(tuple((lookup, value) for lookup, value in found if value is not None))

    def numbers(self, name: str) -> Range:
        """The same as numbers."""
        found = [(lookup, self._one(f"{name}_{lookup}", _FLOAT)) for lookup in ("gte", "gt", "lte", "lt")]
        return Range(tuple((lookup, value) for lookup, value in found if value is not None))

    def _one(self, name: str, kind: TypeAdapter[T]) -> T | None:
        value = self.text(name)
        return None if value is None else self._read(name, value, kind)

    @staticmethod
    def _read(name: str, value: str, kind: TypeAdapter[T], *index: int) -> T:
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            raise invalid(error, ("query", name, *index)) from error


def aware(instant: datetime) -> datetime:
    """In UTC, which it is in already when it says no time zone: Postgres does not know offsets of 16 hours. What is
    beyond the calendar in UTC is the calendar's end."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        end = datetime.min if instant.year == 1 else datetime.max
        return end.replace(tzinfo=UTC)


Zoned = Annotated[AwareDatetime, AfterValidator(aware)]
"""Of a body: an instant that must say its time zone."""
