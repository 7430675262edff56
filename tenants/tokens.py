"""Opaque tokens for machines: Git pushes and API calls.

A token is `aero_<kind>_<43 random characters>`: 256 random bits, so one SHA-256 without salt is enough to
keep, and the digest is the way to find it. The text exists once, in the answer that made it. Called by
provisioning, the portal (issue, revoke) and by every door that is knocked at with one (verify).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from tenants.models.membership import ROLES
from tenants.models.token import Token
from tenants.scope import require_tenant

KINDS = ("git", "api")
_FORM = re.compile(r"aero_(git|api)_[A-Za-z0-9_-]{43}")


class TokenUnknown(LookupError):
    """The tenant has no such token."""


class TokenRoleInvalid(ValueError):
    """The role asked for does not exist, or allows more than whoever asks."""


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
    """Who a valid token speaks for."""

    token_id: UUID
    tenant_id: UUID
    tenant_slug: str
    kind: str
    role: str
    name: str


def issue_token(
    *,
    kind: str,
    name: str,
    role: str,
    created_by: str,
    now: datetime,
    expires_at: datetime | None = None,
    at_most: str | None = None,
) -> IssuedToken:
    """Make a token for the tenant whose scope is open on `default`.

    `at_most` is the role of whoever asks: nobody gives away more than they have. Raises `TokenRoleInvalid`.
    """
    if role not in ROLES:
        raise TokenRoleInvalid(f"there is no role '{role}': choose one of {', '.join(ROLES)}")
    if at_most is not None and ROLES.index(role) < ROLES.index(at_most):
        raise TokenRoleInvalid(f"your role is {at_most}: a token of yours cannot have the role {role}")
    if kind not in KINDS:
        raise ValueError(f"there is no kind of token '{kind}'")
    text = f"aero_{kind}_{secrets.token_urlsafe(32)}"
    row = Token(
        name=name,
        kind=kind,
        role=role,
        prefix=text[:14],
        digest=_digest(text),
        created_by=created_by,
        expires_at=expires_at,
        created_at=now,
        tenant_id=require_tenant(),
    )
    row.save(using="default", force_insert=True)
    return IssuedToken(row.id, name, kind, role, row.prefix, text, expires_at)


def verify_token(*, text: str, kind: str, now: datetime) -> TokenSubject | None:
    """Who this token speaks for, or None: malformed, unknown, expired, revoked, of another kind, or of a
    tenant that is not active. Runs before a tenant is known, as the sign-in role."""
    match = _FORM.fullmatch(text)
    if match is None or match[1] != kind:
        return None
    row = (
        Token.objects.using("auth")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), digest=_digest(text), kind=kind, revoked_at=None)
        .filter(tenant__state="active")
        .values_list("id", "tenant_id", "tenant__slug", "kind", "role", "name")
        .first()
    )
    return TokenSubject(*row) if row else None


def revoke_token(*, token_id: UUID, now: datetime) -> None:
    """End a token of the tenant whose scope is open. Again: no change. Raises `TokenUnknown`."""
    rows = Token.objects.filter(id=token_id)
    if not rows.filter(revoked_at=None).update(revoked_at=now) and not rows.exists():
        raise TokenUnknown(f"this tenant has no token {token_id}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
