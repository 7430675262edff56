"""Invitations into a tenant: made by those who may, sent by mail, good once for whoever owns the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tenants.access import Access
from tenants.audit.record import record_change
from tenants.mail.queue import is_set_up, queue_mail
from tenants.mail.tokens import LinkInvalid, invitation_token, read_invitation_token
from tenants.mail.write import link
from tenants.members import OwnersOnly, admit_member
from tenants.models.invitation import Invitation
from tenants.models.user import User
from tenants.people import check_email, register_person
from tenants.roles import check_given
from tenants.scope import tenant_scope

LIFETIME_DAYS = 7
MOST_OPEN = 200
"""Open invitations of a tenant."""


class InvitationUnknown(LookupError):
    """The tenant has no such invitation."""


class InvitationForSomebodyElse(Exception):
    """The account that accepts has another address than the one invited."""


class TooManyInvitations(Exception):
    """The tenant has as many open ones as it may."""


@dataclass(frozen=True, slots=True)
class Invited:
    """`link` is given only where no mail carries it: whoever holds it owns the address, as far as we know."""

    invitation: Invitation
    link: str | None


def invite(*, by: Access, email: str, role: str, now: datetime) -> Invited:
    """An invitation with at most the caller's own powers; an open one to the same address is replaced.

    Raises EmailInvalid, OwnersOnly, TooManyInvitations and the refusals of `tenants.roles.check_given`.
    """
    check_email(email)
    check_given(role=role, by=by, using="auth")
    if role == "Owner" and not by.may("owners.edit"):
        raise OwnersOnly("only an Owner names and removes Owners")
    with tenant_scope(by.tenant_id):
        rows = _open(now)
        rows.filter(email__iexact=email).update(revoked_at=now)
        if rows.count() >= MOST_OPEN:
            raise TooManyInvitations(
                f"a tenant has at most {MOST_OPEN} open invitations: take some back first"
            )
        row = Invitation(
            tenant_id=by.tenant_id,
            email=email,
            role=role,
            invited_by=by.name,
            created_at=now,
            expires_at=now + timedelta(days=LIFETIME_DAYS),
        )
        row.save(force_insert=True)
        queue_mail(kind="invite", address=email, ref=row.id, now=now, using="default")
        after = {"email": email, "role": role}
        record_change(action="member.invited", target=f"invitation:{row.id}", after=after)
    return Invited(row, None if is_set_up() else link("invitation", invitation_token(row.id)))


def open_invitations(*, now: datetime) -> QuerySet[Invitation, Any]:
    """Those that can be accepted, of the tenant in scope."""
    found: QuerySet[Invitation, Any] = _open(now).values(
        "id", "email", "role", "invited_by", "created_at", "expires_at"
    )
    return found


def revoke_invitation(*, by: Access, invitation_id: UUID, now: datetime) -> None:
    """Its link opens nothing from now on. Raises InvitationUnknown."""
    with tenant_scope(by.tenant_id):
        if not _open(now).filter(id=invitation_id).update(revoked_at=now):
            raise InvitationUnknown(f"this tenant has no open invitation {invitation_id}")
        record_change(action="member.invitation.revoked", target=f"invitation:{invitation_id}")


def find_invitation(*, token: str, now: datetime) -> Invitation:
    """What the link is about, with its tenant. Raises LinkInvalid."""
    rows = Invitation.objects.using("auth").filter(id=read_invitation_token(token), expires_at__gt=now)
    rows = rows.filter(accepted_at=None, revoked_at=None, tenant__state="active")
    row = rows.select_related("tenant").first()
    if row is None:
        raise LinkInvalid("this invitation is over, was taken back or was accepted: ask for a new one")
    return row


def accept_invitation(*, token: str, user: User, now: datetime) -> Invitation:
    """Make the person a member. A member keeps the role they have. Raises LinkInvalid,
    InvitationForSomebodyElse."""
    row = find_invitation(token=token, now=now)
    if row.email.lower() != user.email.lower():
        raise InvitationForSomebodyElse("this invitation is for another e-mail address than your account's")
    with transaction.atomic(using="auth"):
        rows = Invitation.objects.using("auth").filter(id=row.id, accepted_at=None, revoked_at=None)
        if not rows.update(accepted_at=now, accepted_by=user.username):
            raise LinkInvalid("this invitation is over, was taken back or was accepted: ask for a new one")
        if is_set_up() and user.email_verified_at is None:  # the link came by mail
            User.objects.using("auth").filter(id=user.id).update(email_verified_at=now)
        admit_member(tenant=row.tenant, user_id=user.id, role=row.role)
    return row


def accept_as_newcomer(*, token: str, username: str, password: str, now: datetime) -> tuple[User, Invitation]:
    """An account for the address invited, and the membership. Raises LinkInvalid and the refusals of
    `tenants.people`."""
    row = find_invitation(token=token, now=now)
    with transaction.atomic(using="auth"):
        user = register_person(username=username, email=row.email, password=password)
        return user, accept_invitation(token=token, user=user, now=now)


def _open(now: datetime) -> Any:
    return Invitation.objects.filter(accepted_at=None, revoked_at=None, expires_at__gt=now)
