"""Sign-ins of people: begun, listed, ended. An access token names its session and falls with it.

Doors ask `is_live` at each request; the answer is remembered for a second per process, so an ended session
opens nothing after one second anywhere, and at once where it was ended.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from tenants.audit.context import note_deed, note_signed_in
from tenants.models.sign_in_session import SignInSession

SESSION_SECONDS = 24 * 3600
REMEMBER_SECONDS = 1.0
SEEN_SECONDS = 300
MOST_REMEMBERED = 10_000
_live: dict[UUID, float] = {}


class SessionUnknown(LookupError):
    """The person has no such session."""


def begin_session(
    *,
    user_id: UUID,
    method: str,
    address: str,
    user_agent: str,
    now: datetime,
    provider_id: UUID | None = None,
    lifetime_seconds: int = SESSION_SECONDS,
) -> UUID:
    """The id that goes into the access token."""
    row = SignInSession(
        user_id=user_id,
        method=method,
        provider_id=provider_id,
        address=address[:64],
        user_agent="".join(letter for letter in user_agent if letter.isprintable())[:200],
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=lifetime_seconds),
    )
    row.save(using="auth", force_insert=True)
    note_deed(action="sign-in", target=f"user:{user_id}", reason=f"by {method}")
    note_signed_in(user_id)
    return row.id


def is_live(*, session_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Whether the session has not ended, and its person's account is open."""
    if time.monotonic() < _live.get(session_id, 0.0):
        return True
    rows = SignInSession.objects.using("auth").filter(id=session_id, user_id=user_id, ended_at=None)
    seen = (
        rows.filter(expires_at__gt=now, user__is_active=True).values_list("last_seen_at", flat=True).first()
    )
    if seen is None:
        _live.pop(session_id, None)
        return False
    if (now - seen).total_seconds() > SEEN_SECONDS:
        rows.update(last_seen_at=now)
    if len(_live) >= MOST_REMEMBERED:
        _live.clear()
    _live[session_id] = time.monotonic() + REMEMBER_SECONDS
    return True


def sessions_of(*, user_id: UUID, now: datetime) -> QuerySet[SignInSession, Any]:
    """The person's live sessions."""
    rows = SignInSession.objects.using("auth").filter(user_id=user_id, ended_at=None, expires_at__gt=now)
    return rows.values("id", "method", "address", "user_agent", "created_at", "last_seen_at", "expires_at")


def end_session(*, user_id: UUID, session_id: UUID, now: datetime, because: str = "signed out") -> None:
    """Again: no change. Raises SessionUnknown."""
    rows = SignInSession.objects.using("auth").filter(id=session_id, user_id=user_id)
    if not rows.filter(ended_at=None).update(ended_at=now, ended_because=because) and not rows.exists():
        raise SessionUnknown(f"you have no session {session_id}")
    _live.pop(session_id, None)


def end_sessions(*, user_id: UUID, now: datetime, because: str, but: UUID | None = None) -> int:
    """All of a person's sessions, `but` one. Returns how many ended."""
    rows = SignInSession.objects.using("auth").filter(user_id=user_id, ended_at=None)
    if but is not None:
        rows = rows.filter(~Q(id=but))
    ended = rows.update(ended_at=now, ended_because=because)
    _live.clear()
    return ended


def end_provider_sessions(*, provider_id: UUID, now: datetime, because: str) -> int:
    """All sign-ins that an identity provider vouched for. Returns how many ended."""
    rows = SignInSession.objects.using("auth").filter(provider_id=provider_id, ended_at=None)
    ended = rows.update(ended_at=now, ended_because=because)
    _live.clear()
    return ended
