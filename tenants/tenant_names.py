"""A tenant's slug by its id, remembered: slugs never change. And the address that it gives the tenant."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from django.conf import settings

from tenants.models.tenant import Tenant


@lru_cache(maxsize=10_000)
def slug_of(tenant_id: UUID) -> str:
    """Inside the tenant's scope. Raises Tenant.DoesNotExist."""
    return Tenant.objects.only("slug").get(id=tenant_id).slug


def address_of(slug: str) -> str:
    """Where people look at a tenant's DAGs: what links in mails and callbacks begin with."""
    return f"{settings.BASE_URL.rstrip('/')}/t/{slug}"
