"""The identity providers of an organisation: set up, listed, changed, removed. As the sign-in role.

Only an Owner of the organisation sets one up: whoever rules the provider decides who gets into the tenants that
its role map names. No group makes an Owner of a tenant, so a provider cannot take a tenant over for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from domain.ids import uuid7
from tenants.audit.record import record_platform_change
from tenants.factors.seal import seal, unseal
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import ROLES, Membership
from tenants.models.tenant import Tenant
from tenants.sessions import end_provider_sessions

MAPPED_ROLES = tuple(role for role in ROLES if role != "Owner")
MOST_PROVIDERS = 20


class ProviderUnknown(LookupError):
    """The organisation has no such identity provider, or it is switched off."""


class ProviderInvalid(ValueError):
    """A field is not what it must be. `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class TooManyProviders(Exception):
    """The organisation has as many as it may."""


def add_provider(*, organisation_id: UUID, fields: Mapping[str, Any], now: datetime) -> IdentityProvider:
    """`fields`: name, issuer, client_id, client_secret, groups_claim, role_map. Raises ProviderInvalid,
    TooManyProviders."""
    rows = IdentityProvider.objects.using("auth").filter(organisation_id=organisation_id)
    if rows.count() >= MOST_PROVIDERS:
        raise TooManyProviders(f"an organisation has at most {MOST_PROVIDERS} identity providers")
    row = IdentityProvider(id=uuid7(), organisation_id=organisation_id, kind="oidc", created_at=now)
    _fill(row, fields)
    with transaction.atomic(using="auth"):
        row.save(using="auth", force_insert=True)
        _record("identity_provider.added", row)
    return row


def change_provider(
    *, organisation_id: UUID, provider_id: UUID, fields: Mapping[str, Any], now: datetime
) -> IdentityProvider:
    """Whatever is given. Switched off, it signs nobody in and its sign-ins end. Raises ProviderUnknown,
    ProviderInvalid."""
    with transaction.atomic(using="auth"):
        row = _found(organisation_id, provider_id)
        _fill(row, fields)
        row.save(using="auth")
        if not row.is_active:
            end_provider_sessions(provider_id=row.id, now=now, because="identity provider switched off")
        _record("identity_provider.changed", row)
    return row


def remove_provider(*, organisation_id: UUID, provider_id: UUID, now: datetime) -> None:
    """The roles it gave go with it. Raises ProviderUnknown."""
    with transaction.atomic(using="auth"):
        row = _found(organisation_id, provider_id)
        end_provider_sessions(provider_id=row.id, now=now, because="identity provider removed")
        Membership.objects.using("auth").filter(provider_id=row.id).delete()
        _record("identity_provider.removed", row)
        row.delete(using="auth")


def providers_of(*, organisation_id: UUID) -> list[IdentityProvider]:
    return list(IdentityProvider.objects.using("auth").filter(organisation_id=organisation_id).order_by("id"))


def providers_for(*, slug: str) -> list[IdentityProvider]:
    """Where the people of this tenant may sign in. Nothing for a tenant that does not exist."""
    rows = IdentityProvider.objects.using("auth").filter(is_active=True, organisation__tenants__slug=slug)
    return list(rows.filter(organisation__tenants__state="active").order_by("name", "id"))


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


def _fill(row: IdentityProvider, fields: Mapping[str, Any]) -> None:
    for name in ("name", "groups_claim", "is_active"):
        if name in fields:
            setattr(row, name, fields[name])
    if "issuer" in fields:
        issuer = str(fields["issuer"])
        if not issuer.startswith(("https://", "http://")) or "?" in issuer or "#" in issuer:
            raise ProviderInvalid("issuer", "write its https:// address, as in its own documents")
        row.issuer = issuer
    if "client_id" in fields:
        row.config = {**row.config, "client_id": fields["client_id"]}
    if fields.get("client_secret"):
        row.sealed = seal(str(fields["client_secret"]), row=f"identity_provider:{row.id}")
    if "role_map" in fields:
        row.role_map = _checked_map(row.organisation_id, fields["role_map"])


def _checked_map(organisation_id: UUID, given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    slugs = {entry["tenant"] for entry in given}
    own = Tenant.objects.using("auth").filter(organisation_id=organisation_id, slug__in=slugs)
    unknown = sorted(slugs - set(own.values_list("slug", flat=True)))
    if unknown:
        raise ProviderInvalid("role_map", f"the organisation has no tenant '{unknown[0]}'")
    for entry in given:
        if entry["role"] not in MAPPED_ROLES:
            raise ProviderInvalid("role_map", f"a group gives one of {', '.join(MAPPED_ROLES)}")
    return [{name: entry[name] for name in ("group", "tenant", "role")} for entry in given]


def _record(action: str, row: IdentityProvider) -> None:
    record_platform_change(
        action=action,
        target=f"identity_provider:{row.id}",
        after={"name": row.name, "issuer": row.issuer, "role_map": row.role_map, "is_active": row.is_active},
        organisation_id=row.organisation_id,
    )
