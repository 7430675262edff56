"""Who changes limits: the tenant its own ones, within what it may; operators plans and overrides.

Each function writes and returns; the caller records it and tells the scheduler (`Wake`), for this package
knows no ledger. A change counts from the next admission and the next request: nothing is restarted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from tenants.limits.published import BY_NAME, LimitInvalid, checked, checked_prices
from tenants.limits.read import read_quota
from tenants.models.organisation import Organisation
from tenants.models.organisation_quota import OrganisationQuota
from tenants.models.plan import Plan
from tenants.models.tenant import Tenant
from tenants.models.tenant_quota import TenantQuota
from tenants.organisations import OrganisationUnknown
from tenants.scope import require_tenant
from tenants.slugs import check_slug


class PlanUnknown(LookupError):
    """There is no plan of this name."""


class TenantUnknown(LookupError):
    """There is no tenant of this name."""


def set_own_limits(values: Mapping[str, object]) -> dict[str, object]:
    """The tenant's own limits, inside its scope; null takes one back. Returns what they were.

    Raises LimitInvalid: for a name that a tenant may not set, and for a value above what it may have.
    """
    given = checked(values)
    quota = read_quota()
    for name, value in given.items():
        bound = quota.limits[name].bound
        if not BY_NAME[name].own:
            raise LimitInvalid(name, f"{name} is set by your plan; ask the platform's operators")
        if value is not None and bound is not None and value > bound:
            raise LimitInvalid(name, f"{name} may be at most {bound} in your plan")
        if value is None and name == "concurrent_tasks":
            raise LimitInvalid(name, "concurrent_tasks is a whole number; it cannot be taken back")
    tenant = Tenant.objects.select_for_update().get(id=require_tenant())
    own = dict(tenant.settings.get("limits") or {})
    before: dict[str, object] = {}
    for name, value in given.items():
        if name == "concurrent_tasks":
            before[name], tenant.max_active_tasks = tenant.max_active_tasks, int(value or 1)
            continue
        place = tenant.settings if name == "backfill_share" else own
        before[name] = place.get(name)
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    tenant.settings["limits"] = own
    tenant.save(update_fields=["settings", "max_active_tasks"])
    return before


def put_plan(
    *,
    name: str,
    title: str,
    limits: Mapping[str, object],
    prices: Mapping[str, object],
    currency: str = "EUR",
    is_default: bool = False,
    is_offered: bool = False,
    by: str,
    now: datetime,
) -> Plan:
    """Make the plan or change it. Outside any scope, as the sign-in role. Raises LimitInvalid, SlugInvalid."""
    check_slug(name)
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise LimitInvalid("currency", "currency is three capital letters, as in ISO 4217")
    values = {
        "title": title.strip() or name,
        "limits": checked(limits),
        "prices": checked_prices(prices),
        "currency": currency,
        "is_default": is_default,
        "is_offered": is_offered,
        "changed_at": now,
        "changed_by": by,
    }
    with transaction.atomic(using="auth"):
        if is_default:
            Plan.objects.using("auth").filter(is_default=True).exclude(name=name).update(is_default=False)
        plan, _ = Plan.objects.using("auth").update_or_create(name=name, defaults=values)
    return plan


def put_quota(
    *,
    slug: str,
    plan: str | None,
    overrides: Mapping[str, object],
    reason: str,
    by: str,
    now: datetime,
) -> tuple[UUID, dict[str, object]]:
    """Give a tenant its plan (None: its organisation's) and overrides; all of them are replaced. As the sign-in role.

    Returns the tenant's id and what it had. Raises PlanUnknown, TenantUnknown, LimitInvalid.
    """
    given = checked(overrides)
    if not reason.strip():
        raise LimitInvalid("reason", "say why: the tenant's people read it")
    if plan is not None and not Plan.objects.using("auth").filter(name=plan).exists():
        raise PlanUnknown(f"there is no plan '{plan}'")
    tenant = Tenant.objects.using("auth").filter(slug=slug).first()
    if tenant is None:
        raise TenantUnknown(f"there is no tenant '{slug}'")
    with transaction.atomic(using="auth"):
        row = TenantQuota.objects.using("auth").filter(tenant_id=tenant.id).select_for_update().first()
        before = {"plan": row.plan, "overrides": row.overrides} if row else {"plan": None, "overrides": {}}
        TenantQuota.objects.using("auth").update_or_create(
            tenant_id=tenant.id,
            defaults={
                "plan": plan,
                "overrides": given,
                "reason": reason.strip()[:500],
                "changed_at": now,
                "changed_by": by,
            },
        )
    return tenant.id, before


def put_organisation_quota(
    *,
    organisation_id: UUID,
    plan: str | None,
    overrides: Mapping[str, object],
    reason: str,
    by: str,
    now: datetime,
) -> dict[str, object]:
    """Give an organisation its plan (None: the default) and what holds beside it for each of its tenants; all of it is
    replaced. As the sign-in role. Returns what it had. Raises PlanUnknown, OrganisationUnknown, LimitInvalid."""
    given = checked(overrides)
    if not reason.strip():
        raise LimitInvalid("reason", "say why: the organisation's people read it")
    if plan is not None and not Plan.objects.using("auth").filter(name=plan).exists():
        raise PlanUnknown(f"there is no plan '{plan}'")
    with transaction.atomic(using="auth"):
        if not Organisation.objects.using("auth").filter(id=organisation_id).exists():
            raise OrganisationUnknown(f"there is no organisation {organisation_id}")
        before = _held(organisation_id)
        _hold(organisation_id, plan=plan, overrides=given, reason=reason.strip()[:500], by=by, now=now)
    return before


def choose_plan(*, organisation_id: UUID, plan: str | None, by: str, now: datetime) -> dict[str, object]:
    """An Owner of the organisation chooses one of the plans that operators offer (None: the default one). What operators
    gave beside it stays. Returns what it had. Raises PlanUnknown (also when a plan is not offered)."""
    offered = Plan.objects.using("auth").filter(is_offered=True)
    with transaction.atomic(using="auth"):
        before = _held(organisation_id)
        if plan is not None and plan != before["plan"] and not offered.filter(name=plan).exists():
            raise PlanUnknown(f"there is no plan '{plan}' to choose")
        _hold(organisation_id, plan=plan, by=by, now=now)
    return before


def _held(organisation_id: UUID) -> dict[str, object]:
    rows = OrganisationQuota.objects.using("auth").filter(organisation_id=organisation_id)
    row = rows.select_for_update().first()
    return {"plan": row.plan, "overrides": row.overrides} if row else {"plan": None, "overrides": {}}


def _hold(organisation_id: UUID, *, by: str, now: datetime, **values: object) -> None:
    OrganisationQuota.objects.using("auth").update_or_create(
        organisation_id=organisation_id, defaults={**values, "changed_at": now, "changed_by": by}
    )
