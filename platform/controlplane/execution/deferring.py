"""Attempts that pause for a trigger or for a person: what they say, checked, and what is left of them.

Before: `finish_tasks` made them `deferred` or `awaiting_input` in this transaction. After: each has its trigger,
or its question's time-out, and holds nothing else. Called by `report`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from controlplane.execution.storable import NotStorable, json_text, plain_text
from controlplane.foundation.db import TRIGGERS, notify
from controlplane.ledger import deferral, transitions
from controlplane.ledger.deferral import Deferral
from domain.timers import timer_of

CLASSPATH, QUEUE = 1000, 256
"""Longest texts of these, as their columns."""


class DeferralInvalid(ValueError):
    """The payload names no trigger, or a time-out that is none."""


def deferral_of(*, task_instance: UUID, epoch: int, body: dict[str, Any], now: datetime) -> Deferral:
    """The trigger that a payload of state `deferred` names. Raises DeferralInvalid."""
    try:
        classpath = plain_text(body.get("classpath"), name="classpath", longest=CLASSPATH + 1)
        queue = body.get("queue")
        queue = None if queue is None else plain_text(queue, name="queue", longest=QUEUE)
        given = body.get("trigger_kwargs")
        kwargs = None if given is None else json.loads(json_text(given))
    except NotStorable as error:
        raise DeferralInvalid(str(error)) from error
    if not classpath or len(classpath) > CLASSPATH:
        raise DeferralInvalid(f"classpath must be 1 to {CLASSPATH} characters")
    if not isinstance(kwargs, dict | str | None):
        raise DeferralInvalid("trigger_kwargs must be an object")
    timer = timer_of(classpath=classpath, kwargs=kwargs or {}, now=now)
    return Deferral(
        id=task_instance,
        epoch=epoch,
        classpath=classpath,
        kwargs=kwargs,
        queue=queue,
        timeout_at=after(body.get("trigger_timeout"), name="trigger_timeout", now=now),
        wake_at=timer.wake_at if timer else None,
        event=timer.event if timer else None,
        ends=timer.ends if timer else None,
    )


def after(length: Any, *, name: str, now: datetime) -> datetime | None:
    """`now` plus an ISO 8601 duration (or seconds); None for None. Raises DeferralInvalid."""
    if length is None:
        return None
    try:
        if isinstance(length, bool):
            raise ValueError
        return now + msgspec.convert(length, timedelta, strict=False)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise DeferralInvalid(f"{name} {length!r} is not a duration") from error


def park(
    *,
    deferrals: Sequence[Deferral],
    questions: Sequence[tuple[UUID, datetime | None]],
    now: datetime,
    using: str,
) -> None:
    """Triggers of those that deferred; time-outs of those that wait for a person, unless the answer came first."""
    if deferrals and deferral.defer_tasks(deferrals=deferrals, now=now, using=using):
        notify(TRIGGERS, using=using)
    if questions:
        answered = set(deferral.resume_answered(ids=[q[0] for q in questions], now=now, using=using))
        items = [("input", row_id, due) for row_id, due in questions if due and row_id not in answered]
        if items:
            transitions.add_items(items=items, using=using)
