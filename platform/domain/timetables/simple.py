"""Timetables without a grid: once, continuous, listed events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from domain.timetables.instants import Interval, NextRun, Restriction, TimetableInvalid, run_of


def next_once(last: Interval | None, restriction: Restriction) -> NextRun | None:
    """One run at the start date, or now without one; none after it. Catchup changes nothing."""
    if last is not None:
        return None
    instant = restriction.earliest or restriction.now
    if restriction.latest is not None and instant > restriction.latest:
        return None
    return run_of(instant, instant)


def next_continuous(last: Interval | None, restriction: Restriction) -> NextRun | None:
    """From the end of the last run until now: one run follows the other."""
    now = restriction.now
    begin = restriction.earliest or now
    if last is None:
        start, end = begin, max(begin, now)
    elif last.end > now:
        start, end = begin, begin + (last.end - last.start)
    else:
        start, end = last.end, now
    if restriction.latest is not None and end > restriction.latest:
        return None
    return run_of(start, end)


def event_instants(texts: Sequence[str]) -> list[datetime]:
    """ISO 8601 instants, sorted, in UTC. Raises `TimetableInvalid`."""
    try:
        instants = [datetime.fromisoformat(text) for text in texts]
    except ValueError as problem:
        raise TimetableInvalid(f"an event of the timetable is no ISO 8601 instant: {problem}") from problem
    return sorted((i if i.tzinfo else i.replace(tzinfo=UTC)).astimezone(UTC) for i in instants)


def next_event(events: Sequence[datetime], last: Interval | None, restriction: Restriction) -> NextRun | None:
    """The first event after the last run; without catchup, none that `now` has left behind."""
    earliest = restriction.earliest
    if not restriction.catchup and (earliest is None or restriction.now > earliest):
        earliest = restriction.now
    for event in events:
        if (earliest is None or event >= earliest) and (last is None or event > last.end):
            if restriction.latest is not None and event > restriction.latest:
                return None
            return run_of(event, event)
    return None


def manual_event(events: Sequence[datetime], run_after: datetime) -> Interval:
    """The latest event at `run_after`, or the first one when all are still to come."""
    past = [event for event in events if event <= run_after]
    instant = past[-1] if past else events[0]
    return Interval(instant, instant)
