"""A tenant's slug by its id, remembered: slugs never change."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from tenants.models.tenant import Tenant


@lru_cache(maxsize=10_000)
def slug_of(tenant_id: UUID) -> str:
    """Inside the tenant's scope. Raises Tenant.DoesNotExist."""
    return Tenant.objects.only("slug").get(id=tenant_id).slug
