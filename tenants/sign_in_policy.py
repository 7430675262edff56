"""What an organisation, or a tenant, wants of those who sign in by themselves: a second factor.

Either one's wish suffices. Who has none sees their own account, where one is set up, and is refused everywhere else.
Not asked of those whom the organisation's identity provider vouches for, which has rules of its own, nor of API tokens
and service accounts, which no person types. Whoever turns it on has a factor themselves, so that nobody locks
themselves out. As the sign-in role.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from tenants.access import Access
from tenants.audit.record import record_change, record_platform_change
from tenants.factors.keep import kinds_of
from tenants.models.membership import Membership
from tenants.models.organisation import Organisation
from tenants.models.organisation_member import OrganisationMember
from tenants.models.sign_in_factor import SignInFactor
from tenants.models.tenant import Tenant

ACTION = "sign_in_policy.changed"


class OwnFactorMissing(Exception):
    """Who asks others for a second factor has one."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`by_organisation`: of a tenant, whether its organisation wants it already. `without`: how many people have no
    second factor and are kept out by it, or would be."""

    require_second_factor: bool
    by_organisation: bool
    without: int


def policy_of_tenant(*, tenant_id: UUID) -> Policy:
    row = Tenant.objects.using("auth").select_related("organisation").get(id=tenant_id)
    people = Membership.objects.using("auth").filter(tenant_id=tenant_id, user__is_active=True, provider=None)
    return Policy(row.require_second_factor, row.organisation.require_second_factor, _without(people))


def policy_of_organisation(*, organisation_id: UUID) -> Policy:
    wanted = Organisation.objects.using("auth").get(id=organisation_id).require_second_factor
    people = OrganisationMember.objects.using("auth").filter(
        organisation_id=organisation_id, user__is_active=True, user__identities=None
    )
    return Policy(wanted, wanted, _without(people))


def require_in_tenant(*, by: Access, wanted: bool, vouched: bool) -> None:
    """The doors have asked for `sign_in.edit`. `vouched`: who asks came by single sign-on. Raises OwnFactorMissing."""
    if wanted and not vouched:
        _require_own(by.user_id)
    with transaction.atomic(using="auth"):
        row = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=by.tenant_id)
        before, row.require_second_factor = row.require_second_factor, wanted
        if before != wanted:
            row.save(using="auth", update_fields=["require_second_factor"])
            record_change(
                action=ACTION,
                target=f"tenant:{row.id}",
                before={"require_second_factor": before},
                after={"require_second_factor": wanted},
                using="auth",
                tenant_id=row.id,
            )


def require_in_organisation(*, organisation_id: UUID, user_id: UUID, wanted: bool, vouched: bool) -> None:
    """The same for all its tenants, and for itself."""
    if wanted and not vouched:
        _require_own(user_id)
    with transaction.atomic(using="auth"):
        row = Organisation.objects.using("auth").select_for_update().get(id=organisation_id)
        before, row.require_second_factor = row.require_second_factor, wanted
        if before != wanted:
            row.save(using="auth", update_fields=["require_second_factor"])
            record_platform_change(
                action=ACTION,
                target=f"organisation:{row.id}",
                before={"require_second_factor": before},
                after={"require_second_factor": wanted},
                organisation_id=row.id,
            )


def _require_own(user_id: UUID | None) -> None:
    if user_id is None or not kinds_of(user_id=user_id):
        raise OwnFactorMissing("set up a second factor of your own first: this would lock you out")


def _without(people: object) -> int:
    factors = SignInFactor.objects.filter(~Q(kind="recovery"), user_id=OuterRef("user_id"))
    lacking = ~Exists(factors.filter(confirmed_at__isnull=False))
    return int(people.filter(lacking).count())  # type: ignore[attr-defined]
