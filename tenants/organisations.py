"""Organisations and their people. Runs as the sign-in role, before any tenant's scope is open.

Called by sign-up, provisioning and the portal. Every change of owners locks the organisation's row, so that
two owners who leave at the same moment do not leave it without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, ProtectedError, QuerySet

from tenants.access import lacks_factor
from tenants.audit.record import Fields, record_platform_change
from tenants.models.organisation import Organisation
from tenants.models.organisation_member import ORGANISATION_ROLES, OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisation_permissions import ORGANISATION_PERMISSIONS


class OrganisationUnknown(LookupError):
    """There is no such organisation for whoever asks."""


class OrganisationPersonUnknown(LookupError):
    """The organisation has no such person."""


class OrganisationNameInvalid(ValueError):
    """The text cannot name an organisation."""


class OrganisationOwnersOnly(Exception):
    """Only an Owner changes who is an Owner."""


class LastOrganisationOwner(Exception):
    """The organisation would be left without an Owner."""


class OrganisationNotEmpty(Exception):
    """It still owns tenants."""


@dataclass(frozen=True, slots=True)
class OrganisationAccess:
    """A person in an organisation."""

    organisation: Organisation
    user_id: UUID
    role: str
    lacks_factor: bool = False
    """The organisation requires a second factor, and the person has none."""

    def may(self, permission: str) -> bool:
        """Whether the role holds `permission` (one of `ORGANISATION_ALL`)."""
        return permission in ORGANISATION_PERMISSIONS[self.role]


def make_organisation(*, name: str, owner: User) -> Organisation:
    """A new organisation of `owner`. Raises OrganisationNameInvalid."""
    with transaction.atomic(using="auth"):
        made = Organisation(name=checked_name(name))
        made.save(using="auth", force_insert=True)
        OrganisationMember(organisation=made, user=owner, role="Owner").save(using="auth", force_insert=True)
        _record("organisation.made", made.id, after={"name": made.name, "owner": owner.username})
    return made


def find_organisation_access(*, user_id: UUID, organisation_id: UUID) -> OrganisationAccess | None:
    """The person's place in the organisation; None for strangers and for organisations that do not exist."""
    row = (
        OrganisationMember.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True, organisation_id=organisation_id)
        .select_related("organisation")
        .annotate(lacks_factor=lacks_factor("organisation__require_second_factor"))
        .first()
    )
    return OrganisationAccess(row.organisation, user_id, row.role, row.lacks_factor) if row else None


def organisations_of(*, user_id: UUID) -> QuerySet[OrganisationMember]:
    """A person's place in each of their organisations."""
    rows = OrganisationMember.objects.using("auth").filter(user_id=user_id, user__is_active=True)
    return rows.select_related("organisation")


def first_organisation(*, owner_id: UUID) -> Organisation | None:
    """The oldest organisation that the person owns."""
    rows = OrganisationMember.objects.using("auth").filter(user_id=owner_id, role="Owner")
    row = rows.select_related("organisation").order_by("organisation_id").first()
    return row.organisation if row else None


def rename_organisation(*, organisation_id: UUID, name: str) -> None:
    """Raises OrganisationNameInvalid."""
    with transaction.atomic(using="auth"):
        rows = Organisation.objects.using("auth").filter(id=organisation_id)
        before = rows.values_list("name", flat=True).first()
        after = checked_name(name)
        if after != before:
            rows.update(name=after)
            _record("organisation.renamed", organisation_id, before={"name": before}, after={"name": after})


def delete_organisation(*, organisation_id: UUID) -> None:
    """Only an empty one goes. Raises OrganisationNotEmpty."""
    try:
        with transaction.atomic(using="auth"):
            rows = Organisation.objects.using("auth").filter(id=organisation_id)
            before = rows.values_list("name", flat=True).first()
            rows.delete()
            _record("organisation.deleted", organisation_id, before={"name": before})
    except (ProtectedError, IntegrityError) as error:
        raise OrganisationNotEmpty("delete its tenants first: their rows are gone when they are") from error


def tenants_in(*, organisation_id: UUID) -> QuerySet[Tenant]:
    """Every tenant of the organisation."""
    return Tenant.objects.using("auth").filter(organisation_id=organisation_id)


def owns_tenant(*, organisation_id: UUID, tenant_id: UUID) -> bool:
    """Whether the tenant is one of the organisation's."""
    return Tenant.objects.using("auth").filter(id=tenant_id, organisation_id=organisation_id).exists()


def people_of(*, organisation_id: UUID) -> QuerySet[OrganisationMember, Any]:
    """Its people with roles."""
    rows = OrganisationMember.objects.using("auth").filter(organisation_id=organisation_id)
    return rows.values("user_id", "user__username", "user__email", "user__is_active", "role", "created_at")


def admit_to_organisation(*, organisation_id: UUID, user_id: UUID) -> None:
    """Whoever enters a tenant is at least a Member of the organisation that owns it. Again: no change. The last thing
    of its transaction: rows of tenants' chains come before the platform's, so that no two wait for each other."""
    rows = OrganisationMember.objects.using("auth")
    _, made = rows.get_or_create(
        organisation_id=organisation_id, user_id=user_id, defaults={"role": "Member"}
    )
    if made:
        _record("organisation.joined", organisation_id, after={"user": str(user_id), "role": "Member"})


def change_organisation_role(*, by: OrganisationAccess, user_id: UUID, role: str) -> str:
    """Give a person another role; returns the one before. Raises OrganisationPersonUnknown,
    OrganisationOwnersOnly, LastOrganisationOwner."""
    if role not in ORGANISATION_ROLES:
        raise ValueError(f"there is no role '{role}' in organisations")
    with transaction.atomic(using="auth"):
        row = locked_person(by.organisation.id, user_id)
        before = row.role
        if "Owner" in (before, role) and not by.may("owners.edit"):
            raise OrganisationOwnersOnly("only an Owner of the organisation names and removes Owners")
        if before == "Owner" and role != "Owner":
            keep_an_owner_of(by.organisation.id)
        row.role = role
        row.save(using="auth", update_fields=["role"])
        who = {"user": str(user_id)}
        if role != before:
            _record(
                "organisation.role.changed",
                by.organisation.id,
                before={**who, "role": before},
                after={**who, "role": role},
            )
    return before


def record_departure(row: OrganisationMember, *, by: UUID | None) -> None:
    """Of a place that was just ended; the last thing of its transaction."""
    action = "organisation.left" if by == row.user_id else "organisation.removed"
    _record(action, row.organisation_id, before={"user": str(row.user_id), "role": row.role})


def _record(
    action: str, organisation_id: UUID, *, before: Fields | None = None, after: Fields | None = None
) -> None:
    record_platform_change(
        action=action,
        target=f"organisation:{organisation_id}",
        before=before,
        after=after,
        organisation_id=organisation_id,
    )


def locked_person(organisation_id: UUID, user_id: UUID) -> OrganisationMember:
    """The person's place, inside a transaction on `auth`. Raises OrganisationPersonUnknown."""
    Organisation.objects.using("auth").select_for_update().get(id=organisation_id)
    row = OrganisationMember.objects.using("auth").filter(organisation_id=organisation_id, user_id=user_id)
    found = row.first()
    if found is None:
        raise OrganisationPersonUnknown(f"the organisation has no person {user_id}")
    return found


def keep_an_owner_of(organisation_id: UUID) -> None:
    """Before an Owner goes. Raises LastOrganisationOwner."""
    owners = OrganisationMember.objects.using("auth").filter(organisation_id=organisation_id, role="Owner")
    if owners.aggregate(n=Count("id"))["n"] < 2:
        raise LastOrganisationOwner("the organisation needs an Owner: name another one first")


def checked_name(name: str) -> str:
    """The name without stray blanks. Raises OrganisationNameInvalid."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise OrganisationNameInvalid("an organisation's name has 1 to 200 printable characters")
    return name
