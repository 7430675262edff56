"""The addresses that a tenant's people need."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tenants.models.tenant import Tenant


def api_url(slug: str) -> str:
    """What Airflow's clients get as host."""
    return f"{settings.BASE_URL}/t/{slug}"


def git_url(slug: str) -> str:
    """The Git remote."""
    return f"{settings.BASE_URL}/t/{slug}/git"


def tenant_shape(tenant: Tenant, role: str) -> dict[str, Any]:
    """A tenant as its members see it."""
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "state": tenant.state,
        "environment": tenant.environment,
        "organisation_id": tenant.organisation_id,
        "purge_at": tenant.purge_at,
        "role": role,
        "api_url": api_url(tenant.slug),
        "git_url": git_url(tenant.slug),
    }
