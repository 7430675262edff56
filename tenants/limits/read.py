"""Reads what holds for one tenant, inside its scope."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from tenants.limits.effective import Effective, effective, own_limits
from tenants.models.organisation_quota import OrganisationQuota
from tenants.models.plan import Plan
from tenants.models.tenant import Tenant
from tenants.models.tenant_quota import TenantQuota
from tenants.scope import require_tenant

PLAN_SOURCES = ("tenant", "organisation", "default")


@dataclass(frozen=True, slots=True)
class Quota:
    """`plan` is None where an installation has no plans: then only overrides and the tenant's own limits hold.
    `plan_source`: who was given it, one of `PLAN_SOURCES`."""

    plan: Plan | None
    plan_source: str | None
    limits: dict[str, Effective]

    def value(self, name: str) -> float | None:
        """The number that holds; None: no limit."""
        return self.limits[name].value


def read_quota(*, using: str = "default") -> Quota:
    """Of the tenant whose scope is open. Raises TenantScopeMissing."""
    tenant = Tenant.objects.using(using).get(id=require_tenant(using=using))
    given = TenantQuota.objects.using(using).filter(tenant_id=tenant.id).first()
    ours = OrganisationQuota.objects.using(using).filter(organisation_id=tenant.organisation_id).first()
    plan, source = plan_of(given.plan if given else None, ours.plan if ours else None, using=using)
    limits = effective(
        plan=plan.limits if plan else {},
        overrides=given.overrides if given else {},
        organisation=ours.overrides if ours else {},
        own=own_limits(max_active_tasks=tenant.max_active_tasks, settings=tenant.settings),
        plan_source="organisation" if source == "organisation" else "plan",
    )
    return Quota(plan, source, limits)


def plan_of(
    tenants: str | None, organisations: str | None, *, using: str = "default"
) -> tuple[Plan | None, str | None]:
    """The plan that the tenant was given, or else its organisation, or else the default one; and whose it is.

    A name that no plan has counts as none. The view `app.tenant_bound` says the same in SQL.
    """
    wanted = Q(name__in=[name for name in (tenants, organisations) if name]) | Q(is_default=True)
    found = {plan.name: plan for plan in Plan.objects.using(using).filter(wanted)}
    for name, source in ((tenants, "tenant"), (organisations, "organisation")):
        if name in found:
            return found[name], source
    default = next((plan for plan in found.values() if plan.is_default), None)
    return default, "default" if default else None
