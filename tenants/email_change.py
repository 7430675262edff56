"""A person's e-mail address is changed: both addresses say yes, the old one where it was proved. As the sign-in role.

The new one proves that mails reach the person, the old one that it is the person: a token that was stolen changes no
address, and what the password resets go to. Nothing is different until both have answered. Where no mails are sent,
nothing can be proved, and the password alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from tenants.audit.record import record_platform_change
from tenants.mail.queue import is_set_up, queue_mail
from tenants.mail.tokens import LinkInvalid, read_email_change_token
from tenants.models.email_change import EmailChange
from tenants.models.user import User
from tenants.people import EmailInvalid, check_email
from tenants.throttle import count_attempt

LIFETIME_HOURS = 24
MOST_CHANGES = 5
"""Asked for by one person in a quarter of an hour: each sends two mails."""


class EmailChangeUnknown(LookupError):
    """No change of the person's address waits to be confirmed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`waits_for`: those of `old` and `new` that have not answered; none: the address is changed."""

    email: str
    waits_for: tuple[str, ...]
    expires_at: datetime | None


def ask_email_change(*, user: User, email: str, now: datetime) -> Waiting:
    """Begin one; another that waits is forgotten. The doors have asked for the password. Raises EmailInvalid,
    Throttled."""
    check_email(email)
    if email == user.email:
        raise EmailInvalid(f"'{email}' is your address already")
    count_attempt(purpose="mail", kind="change", parts=(str(user.id),), most=MOST_CHANGES)
    with transaction.atomic(using="auth"):
        User.objects.using("auth").select_for_update().get(id=user.id)
        EmailChange.objects.using("auth").filter(user=user).delete()
        if not is_set_up():
            _change(user, email, verified_at=None)
            return Waiting(email, (), None)
        row = EmailChange(
            user=user,
            email=email,
            old_confirmed_at=None if user.email_verified_at else now,
            created_at=now,
            expires_at=now + timedelta(hours=LIFETIME_HOURS),
        )
        row.save(using="auth", force_insert=True)
        queue_mail(kind="email-new", address=email, ref=row.id, now=now)
        if row.old_confirmed_at is None:
            queue_mail(kind="email-old", address=user.email, ref=row.id, now=now)
        _record(user, "user.email.change.asked", before=user.email, after=email)
    return _waiting(row)


def confirm_email_change(*, token: str, now: datetime) -> Waiting:
    """One of the two says yes, by the link that went there. Again: no change. Raises LinkInvalid."""
    change_id, side = read_email_change_token(token)
    with transaction.atomic(using="auth"):
        rows = EmailChange.objects.using("auth").select_for_update(of=("self",)).select_related("user")
        row = rows.filter(id=change_id, expires_at__gt=now, user__is_active=True).first()
        if row is None:
            raise LinkInvalid("this link is over or was used: ask for the change again")
        name = f"{side}_confirmed_at"
        if getattr(row, name) is None:
            setattr(row, name, now)
            row.save(using="auth", update_fields=[name])
        waiting = _waiting(row)
        if not waiting.waits_for:
            _change(row.user, row.email, verified_at=now)
            row.delete(using="auth")
    return waiting


def waiting_change(*, user_id: UUID, now: datetime) -> Waiting | None:
    """What waits, if anything does."""
    row = EmailChange.objects.using("auth").filter(user_id=user_id, expires_at__gt=now).first()
    return None if row is None else _waiting(row)


def take_back_email_change(*, user: User, now: datetime) -> None:
    """Its links open nothing any more. Raises EmailChangeUnknown."""
    with transaction.atomic(using="auth"):
        row = EmailChange.objects.using("auth").filter(user=user, expires_at__gt=now).first()
        if row is None:
            raise EmailChangeUnknown("no change of your address waits to be confirmed")
        row.delete(using="auth")
        _record(user, "user.email.change.taken_back", before=row.email, after=None)


def _change(user: User, email: str, *, verified_at: datetime | None) -> None:
    before = user.email
    User.objects.using("auth").filter(id=user.id).update(email=email, email_verified_at=verified_at)
    user.email, user.email_verified_at = email, verified_at
    if verified_at is not None:
        queue_mail(kind="email-changed", address=before, ref=user.id, now=verified_at)
    _record(user, "user.email.changed", before=before, after=email)


def _waiting(row: EmailChange) -> Waiting:
    sides = {"old": row.old_confirmed_at, "new": row.new_confirmed_at}
    return Waiting(row.email, tuple(side for side, at in sides.items() if at is None), row.expires_at)


def _record(user: User, action: str, *, before: str | None, after: str | None) -> None:
    record_platform_change(
        action=action,
        target=f"user:{user.id}",
        before=None if before is None else {"email": before},
        after=None if after is None else {"email": after},
    )
