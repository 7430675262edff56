"""Organisations and their people. Runs as the sign-in role, before any tenant's scope is open.

Called by sign-up, provisioning and the portal. Every change of owners locks the organisation's row, so that
two owners who leave at the same moment do not leave it without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, ProtectedError

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
        .first()
    )
    return OrganisationAccess(row.organisation, user_id, row.role) if row else None


def organisations_of(*, user_id: UUID) -> list[tuple[Organisation, str]]:
    """Every organisation of a person with their role there, by name."""
    rows = (
        OrganisationMember.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True)
        .select_related("organisation")
        .order_by("organisation__name", "organisation_id")
    )
    return [(row.organisation, row.role) for row in rows]


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
        rows.update(name=checked_name(name))
        _record("organisation.renamed", organisation_id, before={"name": before}, after={"name": name})


def delete_organisation(*, organisation_id: UUID) -> None:
    """Only an empty one goes. Raises OrganisationNotEmpty."""
    try:
        with transaction.atomic(using="auth"):
            Organisation.objects.using("auth").filter(id=organisation_id).delete()
            _record("organisation.deleted", organisation_id)
    except (ProtectedError, IntegrityError) as error:
        raise OrganisationNotEmpty("delete its tenants first: their rows are gone when they are") from error


def tenants_in(*, organisation_id: UUID) -> list[Tenant]:
    """Every tenant of the organisation, by name in addresses."""
    return list(
        Tenant.objects.using("auth").filter(organisation_id=organisation_id).order_by("slug")[:10_000]
    )


def owns_tenant(*, organisation_id: UUID, tenant_id: UUID) -> bool:
    """Whether the tenant is one of the organisation's."""
    return Tenant.objects.using("auth").filter(id=tenant_id, organisation_id=organisation_id).exists()


def people_of(*, organisation_id: UUID) -> list[dict[str, Any]]:
    """Its people with roles, by name."""
    rows = OrganisationMember.objects.using("auth").filter(organisation_id=organisation_id)
    shown = rows.order_by("user__username").values(
        "user_id", "user__username", "user__email", "user__is_active", "role", "created_at"
    )
    return [{key.removeprefix("user__"): value for key, value in row.items()} for row in shown[:10_000]]


def admit_to_organisation(*, organisation_id: UUID, user_id: UUID) -> None:
    """Whoever enters a tenant is at least a Member of the organisation that owns it. Again: no change."""
    OrganisationMember.objects.using("auth").bulk_create(
        [OrganisationMember(organisation_id=organisation_id, user_id=user_id, role="Member")],
        ignore_conflicts=True,
    )


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
        _record(
            "organisation.role.changed",
            by.organisation.id,
            before={**who, "role": before},
            after={**who, "role": role},
        )
    return before


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
