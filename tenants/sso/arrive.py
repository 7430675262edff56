"""Somebody comes from an identity provider: their account, and the roles that their groups give them.

A person is found by the provider and its own unchanging id for them (`sub`), never by an address: whoever runs a
provider can write any address into a token. So one provider's people and another's are never the same account.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from tenants.audit.record import record_change
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import ROLES, Membership
from tenants.models.person_identity import PersonIdentity
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisations import admit_to_organisation

MOST_GROUPS = 1000


class ArrivalRefused(Exception):
    """The provider vouches for them, and they may not come in: the account is closed."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the provider says of somebody."""

    subject: str
    groups: tuple[str, ...]
    email: str = ""
    username: str = ""
    full_name: str = ""


def arrive(*, provider: IdentityProvider, arrival: Arrival, now: datetime) -> User:
    """Their account, made at the first time, with the roles that their groups give now. Raises ArrivalRefused."""
    with transaction.atomic(using="auth"):
        # One at a time per provider: two first sign-ins of one person make one account.
        IdentityProvider.objects.using("auth").select_for_update(no_key=True).get(id=provider.id)
        rows = PersonIdentity.objects.using("auth").filter(provider=provider, subject=arrival.subject)
        known = rows.select_related("user").first() or new_identity(provider, arrival, now)
        if not known.user.is_active:
            raise ArrivalRefused("this account is closed: ask an Owner of the organisation")
        # Where the provider provisions people (SCIM), what it said there holds; its tokens may say less.
        groups = list(known.groups) if provider.scim_digest else list(arrival.groups)
        known.groups, known.last_sign_in_at = groups, now
        known.save(using="auth", update_fields=["groups", "last_sign_in_at"])
        give_roles(provider=provider, user=known.user, groups=groups)
        admit_to_organisation(organisation_id=provider.organisation_id, user_id=known.user_id)
    return known.user


def give_roles(*, provider: IdentityProvider, user: User, groups: Sequence[str]) -> None:
    """What the groups give, no more and no less. Roles that a person gave are left alone. Inside a transaction
    on `auth`."""
    wanted = _wanted(provider, set(groups))
    mine = {row.tenant_id: row for row in Membership.objects.using("auth").filter(user=user)}
    for tenant_id in sorted(wanted.keys() | mine.keys()):
        row, role = mine.get(tenant_id), wanted.get(tenant_id)
        if row is None and role is not None:
            Membership(tenant_id=tenant_id, user=user, role=role, provider=provider).save(
                using="auth", force_insert=True
            )
            _record("member.joined", tenant_id, user, before=None, after=role)
        elif row is not None and row.provider_id == provider.id and row.role != role:
            before = row.role
            if role is None:
                row.delete(using="auth")
            else:
                row.role = role
                row.save(using="auth", update_fields=["role"])
            _record("member.role.changed", tenant_id, user, before=before, after=role)


def _wanted(provider: IdentityProvider, groups: set[str]) -> dict[Any, str]:
    """Tenant -> the highest role that these groups give there."""
    given: dict[str, str] = {}
    for entry in provider.role_map:
        if entry["group"] in groups:
            before = given.get(entry["tenant"])
            given[entry["tenant"]] = min(filter(None, (before, entry["role"])), key=ROLES.index)
    own = Tenant.objects.using("auth").filter(organisation_id=provider.organisation_id, slug__in=given)
    return {tenant_id: given[slug] for tenant_id, slug in own.values_list("id", "slug")}


def new_identity(provider: IdentityProvider, arrival: Arrival, now: datetime) -> PersonIdentity:
    """An account without a password, and how the provider knows it. Inside a transaction on `auth`."""
    user = User.objects.create_user(
        username=_free_username(arrival),
        email=arrival.email[:254],
        password=None,
        full_name=arrival.full_name[:200],
    )
    row = PersonIdentity(provider=provider, user=user, subject=arrival.subject, created_at=now)
    row.save(using="auth", force_insert=True)
    return row


def _free_username(arrival: Arrival) -> str:
    wish = arrival.username or arrival.email.partition("@")[0] or "person"
    name = re.sub(r"[^A-Za-z0-9._@+-]", "", wish)[:100].strip("._@+-") or "person"
    while User.objects.using("auth").filter(username=name).exists():
        name = f"{name[:100].rpartition('~')[0] or name[:100]}.{secrets.token_hex(4)}"
    return name


def _record(action: str, tenant_id: Any, user: User, *, before: str | None, after: str | None) -> None:
    record_change(
        action=action,
        target=f"member:{user.id}",
        before=None if before is None else {"role": before},
        after=None if after is None else {"role": after},
        using="auth",
        tenant_id=tenant_id,
    )
