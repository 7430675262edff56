"""The people of a tenant: roles, removal, leaving. Runs as the sign-in role.

Whatever could leave a tenant without an Owner locks the tenant's row first, so that two Owners who leave at
the same moment do not both succeed.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tenants.access import Access
from tenants.audit.record import Fields, record_change
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.organisations import (
    OrganisationAccess,
    OrganisationOwnersOnly,
    admit_to_organisation,
    keep_an_owner_of,
    locked_person,
    record_departure,
)
from tenants.roles import check_given


class MemberUnknown(LookupError):
    """The tenant has no such member."""


class OwnersOnly(Exception):
    """Only an Owner changes who is an Owner."""


class LastOwner(Exception):
    """The tenant would be left without an Owner."""


def members_of(*, tenant_id: UUID) -> QuerySet[Membership, Any]:
    """Its people with roles."""
    rows = Membership.objects.using("auth").filter(tenant_id=tenant_id)
    return rows.values("user_id", "user__username", "user__email", "user__is_active", "role", "created_at")


def admit_member(*, tenant: Tenant, user_id: UUID, role: str) -> bool:
    """Make the person a member in this role and at least a Member of the organisation. A member's role is
    not changed; False then."""
    with transaction.atomic(using="auth"):
        rows = Membership.objects.using("auth")
        _, made = rows.get_or_create(tenant_id=tenant.id, user_id=user_id, defaults={"role": role})
        if made:
            _record("member.joined", tenant.id, user_id, after={"role": role})
        admit_to_organisation(organisation_id=tenant.organisation_id, user_id=user_id)
    return made


def change_role(*, by: Access, user_id: UUID, role: str) -> str:
    """Give a member another role; returns the one before. Raises MemberUnknown, OwnersOnly, LastOwner, and
    the refusals of `tenants.roles.check_given`: nobody gives more than they hold."""
    check_given(role=role, by=by, using="auth")
    with transaction.atomic(using="auth"):
        row = _locked_member(by.tenant_id, user_id)
        before = row.role
        if "Owner" in (before, role) and not by.may("owners.edit"):
            raise OwnersOnly("only an Owner names and removes Owners")
        if before == "Owner" and role != "Owner":
            _keep_an_owner(by.tenant_id)
        row.role, row.provider_id = role, None
        row.save(using="auth", update_fields=["role", "provider"])
        _record("member.role.changed", by.tenant_id, user_id, before={"role": before}, after={"role": role})
    return before


def remove_member(*, by: Access, user_id: UUID) -> str:
    """End a membership; everybody may end their own. Returns the role. Raises MemberUnknown, OwnersOnly,
    LastOwner."""
    with transaction.atomic(using="auth"):
        row = _locked_member(by.tenant_id, user_id)
        if row.role == "Owner":
            if user_id != by.user_id and not by.may("owners.edit"):
                raise OwnersOnly("only an Owner names and removes Owners")
            _keep_an_owner(by.tenant_id)
        row.delete(using="auth")
        action = "member.left" if user_id == by.user_id else "member.removed"
        _record(action, by.tenant_id, user_id, before={"role": row.role})
    return row.role


def remove_from_organisation(*, by: OrganisationAccess, user_id: UUID) -> str:
    """End a person's place in the organisation and in all its tenants. Everybody may leave.

    Returns the role before. Raises OrganisationPersonUnknown, OrganisationOwnersOnly,
    LastOrganisationOwner, and LastOwner where they are a tenant's only Owner.
    """
    organisation_id = by.organisation.id
    with transaction.atomic(using="auth"):
        row = locked_person(organisation_id, user_id)
        if row.role == "Owner":
            if user_id != by.user_id and not by.may("owners.edit"):
                raise OrganisationOwnersOnly("only an Owner of the organisation names and removes Owners")
            keep_an_owner_of(organisation_id)
        places = Membership.objects.using("auth").filter(
            tenant__organisation_id=organisation_id, user_id=user_id
        )
        for place in places.order_by("tenant_id").select_related("tenant"):
            if _locked_member(place.tenant_id, user_id).role == "Owner":
                _keep_an_owner(place.tenant_id, name=place.tenant.slug)
            place.delete(using="auth")
            _record("member.removed", place.tenant_id, user_id, before={"role": place.role})
        row.delete(using="auth")
        record_departure(row, by=by.user_id)
    return row.role


def _locked_member(tenant_id: UUID, user_id: UUID) -> Membership:
    Tenant.objects.using("auth").select_for_update(no_key=True).only("id").get(id=tenant_id)
    row = Membership.objects.using("auth").filter(tenant_id=tenant_id, user_id=user_id).first()
    if row is None:
        raise MemberUnknown(f"this tenant has no member {user_id}")
    return row


def _keep_an_owner(tenant_id: UUID, *, name: str = "") -> None:
    if Membership.objects.using("auth").filter(tenant_id=tenant_id, role="Owner").count() < 2:
        place = f"the tenant '{name}'" if name else "the tenant"
        raise LastOwner(f"{place} needs an Owner: name another one first, or delete it")


def _record(
    action: str, tenant_id: UUID, user_id: UUID, *, before: Fields | None = None, after: Fields | None = None
) -> None:
    record_change(
        action=action,
        target=f"member:{user_id}",
        before=before,
        after=after,
        using="auth",
        tenant_id=tenant_id,
    )
