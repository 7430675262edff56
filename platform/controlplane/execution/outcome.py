"""From what a running attempt says to what the ledger stores: the Execution API's state payloads. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.execution.deferring import DeferralInvalid, after
from controlplane.execution.storable import REPLACEMENT, NotStorable, json_text, plain_text
from controlplane.ledger.transitions import Outcome
from domain.retries import delay_seconds

STATES = frozenset(
    {
        "success",
        "failed",
        "skipped",
        "removed",
        "upstream_failed",
        "up_for_retry",
        "up_for_reschedule",
        "deferred",
        "awaiting_input",
    }
)

LONGEST_DELAY_SECONDS = 10 * 366 * 86400
LONGEST_LABEL = 250
LONGEST_METHOD = 1000
LONGEST_REASON = 480


class OutcomeInvalid(ValueError):
    """The state payload misses something or names a state that a task cannot report."""


@dataclass(frozen=True, slots=True)
class RetryFacts:
    """What the delay of a retry is computed from."""

    try_number: int
    max_tries: int
    delay_seconds: float
    multiplier: float
    longest_seconds: float | None
    dag_id: str
    task_id: str
    logical_date: datetime | None


def outcome_of(
    *, task_instance: UUID, epoch: int, body: dict[str, Any], facts: RetryFacts | None, now: datetime
) -> Outcome:
    """The stored form of one state payload. Raises OutcomeInvalid."""
    state = body.get("state")
    if state not in STATES:
        raise OutcomeInvalid(f"state {state!r} is not one a task can report")
    ended_at = _instant(body.get("end_date"), "end_date") or now
    due_at: datetime | None = None
    if state == "up_for_retry":
        if facts is None:
            raise OutcomeInvalid("the attempt is unknown")
        seconds = _seconds(body.get("retry_delay_seconds"))
        if seconds is None:
            seconds = delay_seconds(
                retry_delay_seconds=facts.delay_seconds,
                multiplier=facts.multiplier,
                max_retry_delay_seconds=facts.longest_seconds,
                try_number=facts.try_number,
                key=(facts.dag_id, facts.task_id, facts.logical_date),
            )
        try:
            due_at = ended_at + timedelta(seconds=seconds)
        except OverflowError as error:
            raise OutcomeInvalid(f"{seconds} seconds after {ended_at} is no date") from error
    elif state == "up_for_reschedule":
        due_at = _instant(body.get("reschedule_date"), "reschedule_date")
        if due_at is None:
            raise OutcomeInvalid("reschedule_date is missing")
    elif state == "awaiting_input":
        try:
            due_at = after(body.get("timeout"), name="timeout", now=now)
        except DeferralInvalid as error:
            raise OutcomeInvalid(str(error)) from error
    resumes = state in {"deferred", "awaiting_input"}
    return Outcome(
        id=task_instance,
        epoch=epoch,
        state=str(state),
        ended_at=ended_at,
        due_at=due_at,
        label=_text(body, "rendered_map_index", LONGEST_LABEL),
        died=_storable(body, "died"),
        next_method=_text(body, "next_method", LONGEST_METHOD) if resumes else None,
        next_kwargs=_storable(body, "next_kwargs") if resumes else None,
        retry_reason=_retry_reason(body) if state == "up_for_retry" else None,
    )


def _retry_reason(body: dict[str, Any]) -> str | None:
    """Why a retry policy tries again, cut to what keeps it: a reason that cannot be stored never ends a task."""
    said = body.get("retry_reason")
    return f"retry_policy: {str(said)[:LONGEST_REASON]}".replace("\0", "\ufffd") if said else None


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value <= LONGEST_DELAY_SECONDS
    ):
        raise OutcomeInvalid(f"retry_delay_seconds {value!r} is not a number of seconds up to 10 years")
    return float(value)


def _text(body: dict[str, Any], name: str, longest: int) -> str | None:
    value = body.get(name)
    try:
        return None if value is None else plain_text(value, name=name, longest=longest)
    except NotStorable as error:
        raise OutcomeInvalid(str(error)) from error


def _storable(body: dict[str, Any], name: str) -> Any:
    value = body.get(name)
    try:
        return None if value is None else json.loads(json_text(value, nul=REPLACEMENT))
    except NotStorable as error:
        raise OutcomeInvalid(f"{name}: {error}") from error


def _instant(value: Any, name: str) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise OutcomeInvalid(f"{name} {value!r} is not a date and time") from error
    if found.tzinfo is None:
        raise OutcomeInvalid(f"{name} {value!r} has no time zone")
    return found
