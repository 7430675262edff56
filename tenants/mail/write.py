"""Writes a mail from its kind and what it is about, at the moment it goes out. Plain text only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from tenants.mail.tokens import account_token, email_change_token, invitation_token
from tenants.models.email_change import EmailChange
from tenants.models.invitation import Invitation
from tenants.models.mail import Mail
from tenants.models.tenant import Tenant
from tenants.models.user import User


@dataclass(frozen=True, slots=True)
class Written:
    subject: str
    body: str


def link(page: str, token: str) -> str:
    """The token is in the fragment: it reaches no server's log and no referrer."""
    return f"{settings.BASE_URL.rstrip('/')}/{page}#token={token}"


def write_mail(mail: Mail, *, now: datetime) -> Written | None:
    """None when there is nothing to say any more: the account is closed, the invitation was taken back."""
    return _KINDS[mail.kind](mail, now)


def _verify(mail: Mail, now: datetime) -> Written | None:
    user = _person(mail)
    if user is None or user.email_verified_at is not None or user.email != mail.address:
        return None
    address = link("verify-email", account_token("verify", user))
    return Written(
        "Confirm your e-mail address",
        f"Hello {user.username},\n\nthis confirms that mails reach you here:\n\n{address}\n\n"
        "If you did not sign up, there is nothing to do.\n",
    )


def _reset(mail: Mail, now: datetime) -> Written | None:
    user = _person(mail)
    if user is None or user.email != mail.address:
        return None
    address = link("reset-password", account_token("reset", user))
    return Written(
        "Choose a new password",
        f"Hello {user.username},\n\nchoose a new password here, within an hour:\n\n{address}\n\n"
        "If you did not ask for this, there is nothing to do: your password stays as it is.\n",
    )


def _changed(mail: Mail, now: datetime) -> Written | None:
    user = _person(mail)
    if user is None:
        return None
    return Written(
        "Your password was changed",
        f"Hello {user.username},\n\nyour password was changed, and everybody who was signed in is signed out.\n"
        "If it was not you, ask for a new password at once.\n",
    )


def _invite(mail: Mail, now: datetime) -> Written | None:
    row = Invitation.objects.using("auth").filter(id=mail.ref).select_related("tenant").first()
    if row is None or row.accepted_at or row.revoked_at or row.expires_at <= now:
        return None
    return Written(
        f"{row.invited_by} invites you to {row.tenant.slug}",
        f"Hello,\n\n{row.invited_by} invites you to '{row.tenant.slug}' as {row.role}:\n\n"
        f"{link('invitation', invitation_token(row.id))}\n\n"
        f"The invitation is for you alone, good once, until {row.expires_at:%Y-%m-%d %H:%M} UTC.\n",
    )


def _deleting(mail: Mail, now: datetime) -> Written | None:
    tenant = Tenant.objects.using("auth").filter(id=mail.ref, state="deleting").first()
    if tenant is None or tenant.purge_at is None:
        return None
    return Written(
        f"{tenant.slug} will be deleted",
        f"Hello,\n\n{tenant.deletion_asked_by} asked to delete '{tenant.slug}'. Everything in it is gone after "
        f"{tenant.purge_at:%Y-%m-%d %H:%M} UTC. Until then an Owner can undo this.\n",
    )


def _email_old(mail: Mail, now: datetime) -> Written | None:
    row = _email_change(mail, now)
    if row is None or row.old_confirmed_at is not None or row.user.email != mail.address:
        return None
    return Written(
        "Change your e-mail address?",
        f"Hello {row.user.username},\n\nsomebody who is signed in as you asked to change the address of your account "
        f"to {row.email}. If it was you, confirm it here and there:\n\n"
        f"{link('change-email', email_change_token(row.id, 'old'))}\n\n"
        "If it was not you, do not confirm it, and change your password: nothing is changed without this.\n",
    )


def _email_new(mail: Mail, now: datetime) -> Written | None:
    row = _email_change(mail, now)
    if row is None or row.new_confirmed_at is not None or row.email != mail.address:
        return None
    return Written(
        "Confirm your new e-mail address",
        f"Hello {row.user.username},\n\nthis confirms that mails reach you here from now on:\n\n"
        f"{link('change-email', email_change_token(row.id, 'new'))}\n\n"
        "If you did not ask for this, there is nothing to do.\n",
    )


def _email_changed(mail: Mail, now: datetime) -> Written | None:
    user = _person(mail)
    if user is None or user.email == mail.address:
        return None
    return Written(
        "Your e-mail address was changed",
        f"Hello {user.username},\n\nmails about your account go to another address from now on.\n"
        "If it was not you, tell the operator of this installation at once.\n",
    )


def _email_change(mail: Mail, now: datetime) -> EmailChange | None:
    rows = EmailChange.objects.using("auth").filter(id=mail.ref, expires_at__gt=now, user__is_active=True)
    return rows.select_related("user").first()


def _person(mail: Mail) -> User | None:
    return User.objects.using("auth").filter(id=mail.ref, is_active=True).first()


_KINDS = {
    "verify": _verify,
    "reset": _reset,
    "changed": _changed,
    "invite": _invite,
    "deleting": _deleting,
    "email-old": _email_old,
    "email-new": _email_new,
    "email-changed": _email_changed,
}
