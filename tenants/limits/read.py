"""Reads what holds for one tenant, inside its scope."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from tenants.limits.effective import Effective, effective, own_limits
from tenants.models.plan import Plan
from tenants.models.tenant import Tenant
from tenants.models.tenant_quota import TenantQuota
from tenants.scope import require_tenant


@dataclass(frozen=True, slots=True)
class Quota:
    """`plan` is None where an installation has no plans: then only overrides and the tenant's own limits hold."""

    plan: Plan | None
    limits: dict[str, Effective]

    def value(self, name: str) -> float | None:
        """The number that holds; None: no limit."""
        return self.limits[name].value


def read_quota(*, using: str = "default") -> Quota:
    """Of the tenant whose scope is open. Raises TenantScopeMissing."""
    tenant = Tenant.objects.using(using).get(id=require_tenant(using=using))
    given = TenantQuota.objects.using(using).filter(tenant_id=tenant.id).first()
    plan = plan_named(given.plan if given else None, using=using)
    limits = effective(
        plan=plan.limits if plan else {},
        overrides=given.overrides if given else {},
        own=own_limits(max_active_tasks=tenant.max_active_tasks, settings=tenant.settings),
    )
    return Quota(plan, limits)


def plan_named(name: str | None, *, using: str = "default") -> Plan | None:
    """The plan of this name; the default one when there is none of it."""
    found = list(Plan.objects.using(using).filter(Q(name=name) | Q(is_default=True)))
    return next((plan for plan in found if plan.name == name), found[0] if found else None)
