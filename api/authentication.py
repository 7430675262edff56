"""Who is knocking: reads `Authorization: Bearer …`. Every door but Git and the agents' uses it.

A bearer is an access token of a person (`tenants.access_tokens`) or an API token of a machine
(`tenants.tokens`). What they may do in a tenant is looked up, not read from the token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import HttpRequest

from tenants.access import Access, SecondFactorMissing, find_access
from tenants.access_tokens import PORTAL_AUDIENCE, AccessTokenInvalid, read_access_token
from tenants.audit.context import note_actor, note_deed, note_tenant
from tenants.organisations import owns_tenant
from tenants.sessions import is_live
from tenants.tokens import verify_token


class NotAuthenticated(Exception):
    """Nothing, or nothing readable, was presented."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Exactly one of `user_id` (a person) and `machine` (an API token of one tenant) is set."""

    name: str
    user_id: UUID | None = None
    tenant_id: UUID | None = None
    """The only tenant the token is good for; None: wherever the person is a member."""
    machine: Access | None = None
    session_id: UUID | None = None
    """The sign-in that a person's token falls with."""
    organisation_id: UUID | None = None
    """An identity provider of this organisation vouched for the person: good in its tenants alone."""


def identify(request: HttpRequest, *, now: datetime) -> Caller:
    """The caller. Raises NotAuthenticated, AccessTokenExpired, AccessTokenInvalid."""
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise NotAuthenticated("send `Authorization: Bearer <token>`")
    if text.startswith("aero_"):
        subject = verify_token(text=text, kind="api", now=now)
        if subject is None:
            raise AccessTokenInvalid("the token is not one of this platform, has expired or was revoked")
        access = subject.access()
        note_actor(kind="token", name=access.name, actor_id=subject.token_id)
        return Caller(name=access.name, tenant_id=subject.tenant_id, machine=access)
    claims = read_access_token(text=text, now=now)
    session_id = claims.session_id
    if session_id is not None and not is_live(session_id=session_id, user_id=claims.user_id, now=now):
        raise AccessTokenInvalid("this sign-in has ended: sign in again")
    tenant_id = None if claims.audience == PORTAL_AUDIENCE else claims.tenant_id
    note_actor(kind="person", name=claims.username, actor_id=claims.user_id)
    return Caller(
        name=claims.username,
        user_id=claims.user_id,
        tenant_id=tenant_id,
        session_id=session_id,
        organisation_id=claims.organisation_id,
    )


def enter(caller: Caller, *, slug: str) -> Access | None:
    """The caller's access to the tenant at `slug`; None for strangers and for tenants that do not exist. Raises
    SecondFactorMissing, to members alone."""
    access = _enter(caller, slug=slug)
    if access is not None and access.lacks_factor and caller.organisation_id is None:
        raise SecondFactorMissing
    if access is not None:
        note_tenant(access.tenant_id)
        if access.entry_id is not None:
            note_actor(kind="operator", name=access.name, actor_id=access.user_id)
            note_deed(action="", reason=access.reason)
    return access


def _enter(caller: Caller, *, slug: str) -> Access | None:
    if caller.machine is not None:
        return caller.machine if caller.machine.slug == slug else None
    if caller.user_id is None:
        return None
    access = find_access(user_id=caller.user_id, slug=slug)
    if access is None or caller.tenant_id not in (None, access.tenant_id):
        return None
    if caller.organisation_id is not None and not owns_tenant(
        organisation_id=caller.organisation_id, tenant_id=access.tenant_id
    ):
        return None
    return access
