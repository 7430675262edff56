"""Between the password and the session of somebody with a second factor: a ticket, good once, five minutes.

The ticket is signed and says whose password was right. Wrong answers are counted per person and per address
like wrong passwords; the ticket stays good until a right one, or until too many were wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.core import signing
from django.core.cache import cache

from tenants.factors.keep import ask_key, kinds_of, use_code, use_key
from tenants.models.user import User
from tenants.throttle import count_attempt, forgive

TICKET_SECONDS = 300
MOST_TRIES = 10
"""Wrong answers of a person in a quarter of an hour, however many tickets they have."""
_SALT = "aerodrome.second-factor"


class TicketInvalid(Exception):
    """The ticket is not one of ours, is over or was used: begin with the password."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person may answer with. `key`: (challenge, options for the browser) for those with keys."""

    ticket: str
    kinds: list[str]
    key: tuple[str, dict[str, Any]] | None


def ask_second_factor(user: User) -> Asked | None:
    """None for those without one: the password is enough."""
    kinds = kinds_of(user_id=user.id)
    if not kinds:
        return None
    ticket = signing.dumps([user.id.hex, uuid4().hex], salt=_SALT)
    return Asked(ticket, kinds, ask_key(user=user))


def answer_second_factor(
    *, ticket: str, code: str | None, challenge: str | None, answer: dict[str, Any] | None, now: datetime
) -> tuple[User, str]:
    """(the person, the kind that was used). Raises TicketInvalid, FactorRefused, Throttled."""
    try:
        user_id, number = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise TicketInvalid("this sign-in is over: begin with the password") from error
    user = User.objects.using("auth").filter(id=UUID(user_id), is_active=True).first()
    if user is None or cache.get(f"ticket:{number}"):
        raise TicketInvalid("this sign-in is over: begin with the password")
    counted = count_attempt(purpose="sign-in", kind="factor", parts=(user_id,), most=MOST_TRIES)
    if code is not None:
        kind = use_code(user=user, code=code, now=now)
    else:
        kind = use_key(user=user, challenge=challenge or "", answer=answer or {}, now=now)
    if not cache.add(f"ticket:{number}", "used", timeout=TICKET_SECONDS + 60):
        raise TicketInvalid("this sign-in is over: begin with the password")
    forgive(counted)
    return user, kind
