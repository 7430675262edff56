"""A tenant's names: its slug by its id, remembered, for slugs never change; its address; its display name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tenants.access import Access
from tenants.audit.record import record_change
from tenants.models.tenant import Tenant


@lru_cache(maxsize=10_000)
def slug_of(tenant_id: UUID) -> str:
    """Inside the tenant's scope. Raises Tenant.DoesNotExist."""
    return Tenant.objects.only("slug").get(id=tenant_id).slug


def address_of(slug: str) -> str:
    """Where people look at a tenant's DAGs: what links in mails and callbacks begin with."""
    return f"{settings.BASE_URL.rstrip('/')}/t/{slug}"


def describe_tenant(*, by: Access, changes: Mapping[str, str]) -> None:
    """Change `name` or `environment`, whatever is given."""
    changes = {key: " ".join(value.split()) for key, value in changes.items()}
    with transaction.atomic(using="auth"):
        row = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=by.tenant_id)
        before = {key: getattr(row, key) for key, value in changes.items() if getattr(row, key) != value}
        after = {key: changes[key] for key in before}
        if after:
            Tenant.objects.using("auth").filter(id=row.id).update(**after)
            record_change(
                action="tenant.changed",
                target=f"tenant:{row.id}",
                before=before,
                after=after,
                using="auth",
                tenant_id=row.id,
            )
