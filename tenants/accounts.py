"""A person's own account: the address is proved, the password is changed or chosen anew. As the sign-in role.

A new password ends every other sign-in of the person, and mails tell them of it.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tenants.audit.record import record_platform_change
from tenants.mail.queue import MailNotSetUp, is_set_up, queue_mail
from tenants.mail.tokens import LinkInvalid, read_account_token
from tenants.models.user import User
from tenants.people import check_new_password
from tenants.sessions import end_sessions
from tenants.throttle import count_attempt, forgive

MOST_MAILS = 5
"""Of one kind, to one address or asked for from one, in a quarter of an hour."""
MOST_FROM_ADDRESS = 30


class EmailNotVerified(Exception):
    """This needs an address that mails reach."""


class PasswordWrong(Exception):
    """The password that was to be changed is another one."""


def require_verified(user: User) -> None:
    """Where mails are set up, what reaches out to others needs a proved address. Raises EmailNotVerified."""
    if is_set_up() and user.email_verified_at is None:
        raise EmailNotVerified("confirm your e-mail address first: ask for a new link if the mail is lost")


def ask_verification(*, user: User, now: datetime) -> bool:
    """Send the link again. False when there is nothing to prove. Raises Throttled, MailNotSetUp."""
    if user.email_verified_at is not None:
        return False
    _require_mail()
    count_attempt(purpose="mail", kind="verify", parts=(str(user.id),), most=MOST_MAILS)
    return queue_mail(kind="verify", address=user.email, ref=user.id, now=now)


def verify_email(*, token: str, now: datetime) -> User:
    """Raises LinkInvalid."""
    user = read_account_token("verify", token)
    rows = User.objects.using("auth").filter(id=user.id, email=user.email, email_verified_at=None)
    if not rows.update(email_verified_at=now):
        raise LinkInvalid("this link is over or was used: ask for a new one")
    user.email_verified_at = now
    return user


def ask_reset(*, email: str, address: str, now: datetime) -> None:
    """Send a link to every account with this e-mail address. Nobody learns whether there is one. Raises
    Throttled, MailNotSetUp."""
    _require_mail()
    count_attempt(purpose="mail", kind="reset", parts=(email.lower(),), most=MOST_MAILS)
    count_attempt(purpose="mail", kind="reset-from", parts=(address,), most=MOST_FROM_ADDRESS)
    if "\x00" in email or not email:
        return
    found = User.objects.using("auth").filter(email__iexact=email, is_active=True).order_by("id")[:20]
    for user in found:
        if user.has_usable_password():
            queue_mail(kind="reset", address=user.email, ref=user.id, now=now)


def reset_password(*, token: str, password: str, now: datetime) -> User:
    """A new password for whoever got the link, which proves the address as well. Second factors stay. Raises
    LinkInvalid, PasswordWeak."""
    user = read_account_token("reset", token)
    check_new_password(password, user)
    with transaction.atomic(using="auth"):
        locked = User.objects.using("auth").select_for_update().get(id=user.id)
        if locked.password != user.password:
            raise LinkInvalid("this link is over or was used: ask for a new one")
        locked.email_verified_at = locked.email_verified_at or now
        _set_password(locked, password, now, keep=None, because="password reset")
    return locked


def change_password(*, user: User, old: str, new: str, now: datetime, keep: UUID | None) -> None:
    """By somebody who is signed in, with the session `keep`. Raises PasswordWrong, PasswordWeak, Throttled."""
    count_attempt(purpose="sign-in", kind="change", parts=(str(user.id),), most=10)
    if not user.check_password(old):
        raise PasswordWrong("the present password is another one")
    check_new_password(new, user)
    with transaction.atomic(using="auth"):
        _set_password(user, new, now, keep=keep, because="password changed")


def confirm_password(*, user: User, password: str) -> None:
    """Whoever is signed in writes the password again before something dangerous. An account that signs in
    elsewhere has none to write. Raises PasswordWrong, Throttled."""
    counted = count_attempt(purpose="sign-in", kind="confirm", parts=(str(user.id),), most=10)
    if user.has_usable_password() and not user.check_password(password):
        raise PasswordWrong("the password is another one")
    forgive(counted)


def _set_password(user: User, password: str, now: datetime, *, keep: UUID | None, because: str) -> None:
    user.set_password(password)
    user.save(using="auth", update_fields=["password", "email_verified_at"])
    end_sessions(user_id=user.id, now=now, because=because, but=keep)
    queue_mail(kind="changed", address=user.email, ref=user.id, now=now)
    record_platform_change(
        action=because.replace("password ", "password.").replace(" ", "."), target=f"user:{user.id}"
    )


def _require_mail() -> None:
    if not is_set_up():
        raise MailNotSetUp("this installation sends no mails: ask its operator")
