"""The identity providers of an organisation: set up, listed, changed, removed. As the sign-in role.

Only an Owner of the organisation sets one up: whoever rules the provider decides who gets into the tenants that
its role map names. No group makes an Owner of a tenant, so a provider cannot take a tenant over for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from domain.ids import uuid7
from tenants.audit.record import Fields, record_change, record_platform_change
from tenants.factors.seal import unseal
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import Membership
from tenants.sessions import end_provider_sessions
from tenants.sso.provider_fields import fill, told_change, told_of

MOST_PROVIDERS = 20


class ProviderUnknown(LookupError):
    """The organisation has no such identity provider, or it is switched off."""


class TooManyProviders(Exception):
    """The organisation has as many as it may."""


def add_provider(*, organisation_id: UUID, fields: Mapping[str, Any], now: datetime) -> IdentityProvider:
    """`fields`: kind, name, groups_claim, role_map; issuer, client_id and client_secret of `oidc`; metadata of
    `saml`. Raises ProviderInvalid, TooManyProviders."""
    rows = IdentityProvider.objects.using("auth").filter(organisation_id=organisation_id)
    if rows.count() >= MOST_PROVIDERS:
        raise TooManyProviders(f"an organisation has at most {MOST_PROVIDERS} identity providers")
    kind = str(fields.get("kind", "oidc"))
    row = IdentityProvider(id=uuid7(), organisation_id=organisation_id, kind=kind, created_at=now)
    fill(row, fields)
    with transaction.atomic(using="auth"):
        row.save(using="auth", force_insert=True)
        _record("identity_provider.added", row, before=None, after=told_of(row))
    return row


def change_provider(
    *, organisation_id: UUID, provider_id: UUID, fields: Mapping[str, Any], now: datetime
) -> IdentityProvider:
    """Whatever is given. Switched off, it signs nobody in and its sign-ins end. Raises ProviderUnknown,
    ProviderInvalid."""
    with transaction.atomic(using="auth"):
        row = _found(organisation_id, provider_id)
        was = copy(row)
        fill(row, fields)
        row.save(using="auth")
        if not row.is_active:
            end_provider_sessions(provider_id=row.id, now=now, because="identity provider switched off")
        before, after = told_change(was, row)
        if after:
            _record("identity_provider.changed", row, before=before, after=after)
    return row


def remove_provider(*, organisation_id: UUID, provider_id: UUID, now: datetime) -> None:
    """The roles it gave go with it. Raises ProviderUnknown."""
    with transaction.atomic(using="auth"):
        row = _found(organisation_id, provider_id)
        end_provider_sessions(provider_id=row.id, now=now, because="identity provider removed")
        for place in Membership.objects.using("auth").filter(provider_id=row.id).order_by("tenant_id"):
            place.delete(using="auth")
            record_change(
                action="member.removed",
                target=f"member:{place.user_id}",
                before={"role": place.role},
                using="auth",
                tenant_id=place.tenant_id,
            )
        _record("identity_provider.removed", row, before=told_of(row), after=None)
        row.delete(using="auth")


def providers_of(*, organisation_id: UUID) -> QuerySet[IdentityProvider]:
    """The organisation's."""
    return IdentityProvider.objects.using("auth").filter(organisation_id=organisation_id)


def providers_for(*, slug: str) -> QuerySet[IdentityProvider]:
    """Where the people of this tenant may sign in. Nothing for a tenant that does not exist."""
    return IdentityProvider.objects.using("auth").filter(
        is_active=True, organisation__tenants__slug=slug, organisation__tenants__state="active"
    )


def active_provider(provider_id: UUID) -> IdentityProvider:
    """Raises ProviderUnknown."""
    row = IdentityProvider.objects.using("auth").filter(id=provider_id, is_active=True).first()
    if row is None:
        raise ProviderUnknown("there is no such identity provider")
    return row


def find_provider(*, organisation_id: UUID, provider_id: UUID) -> IdentityProvider:
    """Raises ProviderUnknown."""
    rows = IdentityProvider.objects.using("auth").filter(organisation_id=organisation_id)
    row = rows.filter(id=provider_id).first()
    if row is None:
        raise ProviderUnknown(f"the organisation has no identity provider {provider_id}")
    return row


def client_secret_of(row: IdentityProvider) -> str:
    return unseal(row.sealed, row=f"identity_provider:{row.id}") if row.sealed else ""


def _found(organisation_id: UUID, provider_id: UUID) -> IdentityProvider:
    rows = IdentityProvider.objects.using("auth").select_for_update().filter(organisation_id=organisation_id)
    row = rows.filter(id=provider_id).first()
    if row is None:
        raise ProviderUnknown(f"the organisation has no identity provider {provider_id}")
    return row


def _record(action: str, row: IdentityProvider, *, before: Fields | None, after: Fields | None) -> None:
    record_platform_change(
        action=action,
        target=f"identity_provider:{row.id}",
        before=before,
        after=after,
        organisation_id=row.organisation_id,
    )
