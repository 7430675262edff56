"""Opaque tokens for machines: Git pushes and API calls.

A token is `aero_<kind>_<43 random characters>`: 256 random bits, so one SHA-256 without salt is enough to
keep, and the digest is the way to find it. The text exists once, in the answer that made it. Called by
provisioning, the portal (issue, rotate, revoke) and by every door that is knocked at with one (verify).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, OuterRef, Q, Subquery

from tenants.access import Access, own_role, role_permissions
from tenants.audit.record import Fields, record_change
from tenants.models.membership import Membership
from tenants.models.token import Token
from tenants.permissions import ALL, PERMISSIONS
from tenants.roles import find_role
from tenants.scope import require_tenant

KINDS = ("git", "api")
LONGEST_OVERLAP_HOURS = 30 * 24
USE_WRITTEN_EVERY = timedelta(minutes=1)
_FORM = re.compile(r"aero_(git|api)_[A-Za-z0-9_-]{43}")


class TokenUnknown(LookupError):
    """The tenant has no such token."""


class TokenRoleInvalid(ValueError):
    """The role asked for does not exist, or allows more than whoever asks."""


class TokenScopeInvalid(ValueError):
    """A scope is no permission, or one that whoever asks does not hold."""


class TokenOver(ValueError):
    """It was revoked, has expired or was rotated before: there is nothing to rotate."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """`text` is the secret: shown once, kept nowhere."""

    id: UUID
    name: str
    kind: str
    role: str
    prefix: str
    text: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """Who a valid token speaks for. `permissions`: what it may do in the whole tenant."""

    token_id: UUID
    tenant_id: UUID
    tenant_slug: str
    kind: str
    role: str
    name: str
    permissions: frozenset[str]
    grantee_id: UUID | None
    cap: frozenset[str] | None

    def access(self) -> Access:
        """The same as a door's access."""
        return Access(
            self.tenant_id,
            self.tenant_slug,
            self.role,
            f"token:{self.name}",
            permissions=self.permissions,
            grantee_id=self.grantee_id,
            cap=self.cap,
        )


def issue_token(
    *,
    kind: str,
    name: str,
    role: str,
    created_by: str,
    now: datetime,
    expires_at: datetime | None = None,
    by: Access | None = None,
    scopes: list[str] | None = None,
    service_account_id: UUID | None = None,
) -> IssuedToken:
    """Make a token for the tenant whose scope is open on `default`.

    `by` is whoever asks: nobody gives away more than they hold, and a person's token ends with the person's
    membership unless it is a service account's. Raises `TokenRoleInvalid`, `TokenScopeInvalid`.
    """
    allowed = find_role(role, tenant_id=require_tenant())
    if allowed is None:
        raise TokenRoleInvalid(f"there is no role '{role}': choose one of {', '.join(PERMISSIONS)}")
    _check_scopes(scopes, by)
    wanted = allowed if scopes is None else allowed & frozenset(scopes)
    if by is not None and not wanted <= by.permissions:
        raise TokenRoleInvalid(f"your role is {by.role}: a token of yours cannot have the role {role}")
    if kind not in KINDS:
        raise ValueError(f"there is no kind of token '{kind}'")
    text = f"aero_{kind}_{secrets.token_urlsafe(32)}"
    row = Token(
        name=name,
        kind=kind,
        role=role,
        scopes=None if scopes is None else sorted(set(scopes)),
        service_account_id=service_account_id,
        user_id=by.user_id if by is not None and service_account_id is None else None,
        prefix=text[:14],
        digest=_digest(text),
        created_by=created_by,
        expires_at=expires_at,
        created_at=now,
        tenant_id=require_tenant(),
    )
    row.save(using="default", force_insert=True)
    _record("token.issued", row.id, after=_told_of(row))
    return IssuedToken(row.id, name, kind, role, row.prefix, text, expires_at)


def rotate_token(*, token_id: UUID, overlap_hours: int, now: datetime) -> IssuedToken:
    """A new token like this one, which stays good for `overlap_hours` yet (and no longer than it was to be).

    The new one lives as long as the old one did: its time is counted from now. Raises `TokenUnknown`,
    `TokenOver`.
    """
    old = Token.objects.select_for_update().filter(id=token_id).first()
    if old is None:
        raise TokenUnknown(f"this tenant has no token {token_id}")
    over = old.expires_at is not None and old.expires_at <= now
    if old.revoked_at is not None or over or old.replaced_by is not None:
        raise TokenOver(f"the token '{old.name}' is revoked, over or rotated already")
    text = f"aero_{old.kind}_{secrets.token_urlsafe(32)}"
    expires_at = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    row = Token(
        name=old.name,
        kind=old.kind,
        role=old.role,
        scopes=old.scopes,
        service_account_id=old.service_account_id,
        user_id=old.user_id,
        prefix=text[:14],
        digest=_digest(text),
        created_by=old.created_by,
        expires_at=expires_at,
        created_at=now,
        tenant_id=require_tenant(),
    )
    row.save(using="default", force_insert=True)
    until = now + timedelta(hours=overlap_hours)
    old.expires_at = until if old.expires_at is None else min(until, old.expires_at)
    old.replaced_by = row.id
    old.save(using="default", update_fields=["expires_at", "replaced_by"])
    _record("token.rotated", old.id, before=_told_of(old), after=_told_of(row) | {"token_id": row.id})
    return IssuedToken(row.id, row.name, row.kind, row.role, row.prefix, text, expires_at)


def verify_token(*, text: str, kind: str, now: datetime) -> TokenSubject | None:
    """Who this token speaks for, or None: malformed, unknown, expired, revoked, of another kind, of a tenant
    that is not active, of an account that is switched off, or of a person who is no member any more. Runs
    before a tenant is known, as the sign-in role."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] != kind:
        return None
    members = Membership.objects.filter(tenant_id=OuterRef("tenant_id"), user_id=OuterRef("user_id"))
    row = (
        Token.objects.using("auth")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), digest=_digest(text), kind=kind, revoked_at=None)
        .filter(tenant__state="active")
        .filter(Q(service_account_id=None) | Q(service_account__is_active=True))
        .filter(Q(user_id=None) | Q(user__is_active=True))
        .annotate(
            slug=F("tenant__slug"),
            own=own_role(),
            account_role=F("service_account__role"),
            account_own=own_role("service_account__role"),
            account_user=F("service_account__user_id"),
            member_role=Subquery(members.values("role")[:1]),
            member_own=Subquery(members.annotate(own=own_role()).values("own")[:1]),
        )
        .first()
    )
    if row is None:
        return None
    held = _held(row)
    if held is None:
        return None
    if row.last_used_at is None or row.last_used_at <= now - USE_WRITTEN_EVERY:
        _write_use(row.id, now)
    role = row.account_role or row.role
    cap = None if row.scopes is None else frozenset(row.scopes)
    return TokenSubject(
        token_id=row.id,
        tenant_id=row.tenant_id,
        tenant_slug=row.slug,
        kind=row.kind,
        role=role,
        name=row.name,
        permissions=held if cap is None else held & cap,
        # A person's token gives what its role gives; grants only when its scopes name them.
        grantee_id=row.account_user or (row.user_id if cap is not None else None),
        cap=cap,
    )


def revoke_token(*, token_id: UUID, now: datetime) -> None:
    """End a token of the tenant whose scope is open. Again: no change. Raises `TokenUnknown`."""
    row = Token.objects.filter(id=token_id).first()
    if row is None:
        raise TokenUnknown(f"this tenant has no token {token_id}")
    if Token.objects.filter(id=token_id, revoked_at=None).update(revoked_at=now):
        _record("token.revoked", token_id, before=_told_of(row), after={"revoked_at": now})


def _told_of(row: Token) -> dict[str, object]:
    names = ("name", "kind", "role", "scopes", "expires_at", "created_by")
    return {name: getattr(row, name) for name in names} | {"token_prefix": row.prefix}


def _record(
    action: str, token_id: UUID, *, before: Fields | None = None, after: Fields | None = None
) -> None:
    record_change(action=action, target=f"token:{token_id}", before=before, after=after)


def _held(row: Token) -> frozenset[str] | None:
    """What the role gives, at most what its account or its person holds now. None: the person has left."""
    found = row.__dict__  # with the annotations, which the model does not declare
    if row.service_account_id is not None:
        return role_permissions(found["account_role"], found["account_own"])
    held = role_permissions(row.role, found["own"])
    if row.user_id is None:
        return held
    if found["member_role"] is None:
        return None
    return held & role_permissions(found["member_role"], found["member_own"])


def _check_scopes(scopes: list[str] | None, by: Access | None) -> None:
    unknown = sorted(set(scopes or ()) - ALL.keys())
    if unknown:
        raise TokenScopeInvalid(f"there is no permission '{unknown[0]}'")
    beyond = sorted(set(scopes or ()) - by.permissions) if by is not None else []
    if beyond:
        raise TokenScopeInvalid(f"your role does not hold {beyond[0]}: a token of yours cannot")


def _write_use(token_id: UUID, now: datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USE_WRITTEN_EVERY)
    Token.objects.using("auth").filter(stale, id=token_id).update(last_used_at=now)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
