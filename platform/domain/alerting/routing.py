"""Who is told: the rule's own channels, else the first route that fits; by turns; and who is next if nobody answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Route:
    """See `ledger.models.alert_route`."""

    owner: str
    severity: str | None
    channels: Sequence[str]
    rotation: Mapping[str, Any] | None = None


def channels_for(
    *, own: Sequence[str], routes: Sequence[Route], owner: str, severity: str, now: datetime
) -> list[str]:
    """Ids of channels, each once. `routes` in their order."""
    if own:
        return list(dict.fromkeys(own))
    for route in routes:
        if fnmatchcase(owner, route.owner) and route.severity in (None, severity):
            return on_duty(channels=route.channels, rotation=route.rotation, now=now)
    return []


def on_duty(*, channels: Sequence[str], rotation: Mapping[str, Any] | None, now: datetime) -> list[str]:
    """All, or by turns the one whose turn it is: turns are equally long and count from `starts_at`."""
    unique = list(dict.fromkeys(channels))
    if rotation is None or not unique:
        return unique
    start = datetime.fromisoformat(str(rotation["starts_at"]))
    turn = (now - start) // timedelta(seconds=float(rotation["every_seconds"]))
    return [unique[turn % len(unique)]]


def next_step(
    *, escalation: Sequence[Mapping[str, Any]], taken: int, notified_at: datetime
) -> tuple[datetime, list[str]] | None:
    """When, unless somebody acknowledges, whom; None after the last step. Steps count from
    `notified_at`, when the alert opened."""
    if taken >= len(escalation):
        return None
    step = escalation[taken]
    return notified_at + timedelta(seconds=float(step["after_seconds"])), [
        str(one) for one in step["channels"]
    ]
