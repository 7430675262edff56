"""Periods of reports: which whole week or month is the last one, and when a tenant is looked at next. Pure.

Weeks begin on Monday; days are UTC's. A day is counted the morning after, at an instant of the tenant's own within an
hour, so that a platform's tenants do not all come at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

PERIODS: Final = ("weekly", "monthly")
MORNING: Final = time(6, 0, tzinfo=UTC)
_SPREAD_SECONDS: Final = 3600


def last_span(period: str, day: date) -> tuple[date, date]:
    """The last whole period before `day`: its first day, and the first day after it."""
    if period == "weekly":
        last = day - timedelta(days=day.weekday())
        return last - timedelta(days=7), last
    last = day.replace(day=1)
    return (last - timedelta(days=1)).replace(day=1), last


def span_before(period: str, first: date) -> tuple[date, date]:
    """The period that ends where the one from `first` begins."""
    return last_span(period, first)


def next_look(now: datetime, tenant_id: UUID) -> datetime:
    """The tenant's next morning after `now`."""
    own = timedelta(seconds=tenant_id.int % _SPREAD_SECONDS)
    look = datetime.combine(now.astimezone(UTC).date(), MORNING) + own
    return look if look > now else look + timedelta(days=1)
