"""Callbacks that the control plane owes: given to an agent, begun, ended, lost. The author's code runs in the jail.

A callback is claimed like a parse, but run at most once: the agent says `callback_begun` and waits for the answer
before the author's code runs. A claim that was lost before that is given to another agent; one that was lost
behind it is told as lost. Called by the doors that serve agents, inside the tenant's scope (docs/adr/0019).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from controlplane.ledger import alerts

log = structlog.get_logger("alerts")

LONGEST_MESSAGE = 2000


def begun(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """The agent is about to run it. Raises ledger.alerts.CallbackUnknown: then it must not."""
    alerts.begin_callback(callback=id, epoch=epoch, now=now, using=using)


def done(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """It ended, well or not."""
    state = "success" if body.get("state") == "success" else "failed"
    message = str(body.get("message") or "").replace("\x00", "�")[:LONGEST_MESSAGE] or None
    alerts.finish_callback(callback=id, epoch=epoch, state=state, message=message, now=now, using=using)


def lost(*, ref: UUID, reason: str, now: datetime, using: str) -> None:
    """Its agents were lost too often."""
    _lose(ref, reason, True, now, using)


def claimed_again(*, ref: UUID, now: datetime, using: str) -> bool:
    """Whether a claim may be given out: not when an earlier one had begun, for it may have run to its end."""
    return not _lose(ref, "its agent was lost after it had begun; it is not run twice", False, now, using)


def _lose(ref: UUID, reason: str, give_up: bool, now: datetime, using: str) -> bool:
    state = alerts.lose_callback(callback=ref, give_up=give_up, message=reason, now=now, using=using)
    if state is not None:
        log.warning("callback.lost", id=str(ref), state=state, reason=reason)
    return state is not None
