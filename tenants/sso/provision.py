"""People and groups as an identity provider provisions them (SCIM 2.0, RFC 7643 and 7644). As the sign-in role.

Each call is one provider's, and reaches its own people alone. A person's `subject` is the `externalId` that the
provider gives, or the `userName` where it gives none: what it will send as `sub` when they sign in. Whoever is
switched off is out at once: their sessions end, and the tokens they made open nothing any more.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from tenants.audit.record import Fields, record_change, record_platform_change
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import Membership
from tenants.models.organisation_member import OrganisationMember
from tenants.models.person_identity import PersonIdentity
from tenants.models.provisioned_group import ProvisionedGroup
from tenants.models.token import Token
from tenants.models.user import User
from tenants.organisations import admit_to_organisation, record_departure
from tenants.sessions import end_sessions
from tenants.sso.arrive import Arrival, give_roles, new_identity

_FORM = re.compile(r"aero_scim_[A-Za-z0-9_-]{43}")
MOST_PEOPLE = 20_000
MOST_GROUPS = 2_000


class ProvisionTokenInvalid(Exception):
    """Not the token of an identity provider that provisions people here."""


class ProvisionedUnknown(LookupError):
    """The provider has no such person or group here."""


class ProvisionedTaken(Exception):
    """The provider has somebody, or a group, of this name already."""


class ProvisionedInvalid(ValueError):
    """A value that cannot be kept. The message names the attribute."""


def give_token(*, provider: IdentityProvider) -> str:
    """A new token, shown once; the one before opens nothing any more."""
    text = f"aero_scim_{secrets.token_urlsafe(32)}"
    _keep_digest(provider, _digest(text), "identity_provider.provisioning.allowed")
    return text


def take_token(*, provider: IdentityProvider) -> None:
    """The provider provisions nobody from now on; who is there stays."""
    _keep_digest(provider, "", "identity_provider.provisioning.ended")


def provider_of(*, token: str) -> IdentityProvider:
    """Raises ProvisionTokenInvalid."""
    row = None
    if _FORM.fullmatch(token):
        rows = IdentityProvider.objects.using("auth").filter(scim_digest=_digest(token), is_active=True)
        row = rows.first()
    if row is None:
        raise ProvisionTokenInvalid("this is no token of an identity provider")
    return row


def people(*, provider: IdentityProvider, wanted: dict[str, str]) -> Any:
    """The provider's people that fit, by id. `wanted`: `username`, `externalid`, `id`, `active`."""
    rows = (
        PersonIdentity.objects.using("auth").filter(provider=provider).select_related("user").order_by("id")
    )
    columns = {"username": "user_name__iexact", "externalid": "external_id", "id": "id"}
    for name, value in wanted.items():
        if name == "active":
            rows = rows.filter(user__is_active=value == "true")
        elif name == "id" and _uuid(value) is None:
            return rows.none()
        else:
            rows = rows.filter(**{columns[name]: value})
    return rows


def find_person(*, provider: IdentityProvider, person_id: UUID) -> PersonIdentity:
    """Raises ProvisionedUnknown."""
    row = people(provider=provider, wanted={"id": str(person_id)}).first()
    if row is None:
        raise ProvisionedUnknown(f"there is no person {person_id}")
    found: PersonIdentity = row
    return found


def add_person(*, provider: IdentityProvider, fields: dict[str, Any], now: datetime) -> PersonIdentity:
    """`fields`: user_name, external_id, email, full_name, active. Raises ProvisionedTaken, ProvisionedInvalid."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        mine = PersonIdentity.objects.using("auth").filter(provider=provider)
        name, external = _text(fields, "user_name"), _text(fields, "external_id")
        if not name:
            raise ProvisionedInvalid("userName: is missing")
        subject = external or name
        if mine.filter(subject=subject).exists() or mine.filter(user_name__iexact=name).exists():
            raise ProvisionedTaken(f"there is a person with the userName '{name}' or this externalId")
        if mine.count() >= MOST_PEOPLE:
            raise ProvisionedInvalid(f"at most {MOST_PEOPLE} people are provisioned")
        arrival = Arrival(subject, (), _text(fields, "email"), name, _text(fields, "full_name"))
        row = new_identity(provider, arrival, now)
        row.user_name, row.external_id = name, external
        row.save(using="auth", update_fields=["user_name", "external_id"])
        admit_to_organisation(organisation_id=provider.organisation_id, user_id=row.user_id)
        if fields.get("active") is False:
            _switch(row, False, now)
        _record("person.provisioned", provider, before=None, after=_told_of(row), row=row)
    return row


def change_person(
    *, provider: IdentityProvider, person_id: UUID, fields: dict[str, Any], now: datetime
) -> PersonIdentity:
    """Whatever is given. Raises ProvisionedUnknown, ProvisionedTaken, ProvisionedInvalid."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        row = find_person(provider=provider, person_id=person_id)
        before = _told_of(row)
        others = PersonIdentity.objects.using("auth").filter(provider=provider).exclude(id=row.id)
        if name := _text(fields, "user_name"):
            if others.filter(user_name__iexact=name).exists():
                raise ProvisionedTaken(f"there is a person with the userName '{name}'")
            row.user_name = name
        if external := _text(fields, "external_id"):
            if others.filter(subject=external).exists():
                raise ProvisionedTaken("there is a person with this externalId")
            row.external_id = row.subject = external
        row.save(using="auth", update_fields=["user_name", "external_id", "subject"])
        for field in ("email", "full_name"):
            if field in fields:
                setattr(row.user, field, _text(fields, field)[:200])
        row.user.save(using="auth", update_fields=["email", "full_name"])
        if isinstance(fields.get("active"), bool) and fields["active"] != row.user.is_active:
            _switch(row, fields["active"], now)
        after = _told_of(row)
        changed = [name for name in after if after[name] != before[name]]
        if changed:
            sides = ({name: side[name] for name in changed} for side in (before, after))
            _record("person.changed", provider, before=next(sides), after=next(sides), row=row)
    return row


def remove_person(*, provider: IdentityProvider, person_id: UUID, now: datetime) -> None:
    """Out of the organisation and all its tenants, and switched off. Raises ProvisionedUnknown."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        row = find_person(provider=provider, person_id=person_id)
        was = row.user.is_active
        _switch(row, False, now)
        places = Membership.objects.using("auth").filter(user_id=row.user_id)
        places = places.filter(tenant__organisation_id=provider.organisation_id)
        for place in places.order_by("tenant_id"):
            place.delete(using="auth")
            record_change(
                action="member.removed",
                target=f"member:{row.user_id}",
                before={"role": place.role},
                using="auth",
                tenant_id=place.tenant_id,
            )
        members = OrganisationMember.objects.using("auth").filter(user_id=row.user_id)
        member = members.filter(organisation_id=provider.organisation_id).first()
        if member is not None:
            member.delete(using="auth")
            record_departure(member, by=None)
        _record(
            "person.unprovisioned", provider, before=_told_of(row) | {"is_active": was}, after=None, row=row
        )
        row.delete(using="auth")


def groups(*, provider: IdentityProvider, wanted: dict[str, str]) -> Any:
    """The provider's groups that fit, by id. `wanted`: `displayname`, `externalid`, `id`."""
    rows = ProvisionedGroup.objects.using("auth").filter(provider=provider).order_by("id")
    columns = {"displayname": "name", "externalid": "external_id", "id": "id"}
    if "id" in wanted and _uuid(wanted["id"]) is None:
        return rows.none()
    return rows.filter(**{columns[name]: value for name, value in wanted.items()})


def find_group(*, provider: IdentityProvider, group_id: UUID) -> ProvisionedGroup:
    """Raises ProvisionedUnknown."""
    row = groups(provider=provider, wanted={"id": str(group_id)}).first()
    if row is None:
        raise ProvisionedUnknown(f"there is no group {group_id}")
    found: ProvisionedGroup = row
    return found


def members_of_group(row: ProvisionedGroup) -> list[PersonIdentity]:
    rows = PersonIdentity.objects.using("auth").filter(provider_id=row.provider_id)
    return list(rows.filter(groups__contains=[row.name]).order_by("id"))


def add_group(
    *, provider: IdentityProvider, name: str, external_id: str, members: Iterable[UUID], now: datetime
) -> ProvisionedGroup:
    """Raises ProvisionedTaken, ProvisionedInvalid, ProvisionedUnknown for a member who is not there."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        mine = ProvisionedGroup.objects.using("auth").filter(provider=provider)
        if not 0 < len(name) <= 255 or "\x00" in name + external_id or len(external_id) > 255:
            raise ProvisionedInvalid("displayName: has 1 to 255 characters")
        if mine.filter(name=name).exists():
            raise ProvisionedTaken(f"there is a group '{name}'")
        if mine.count() >= MOST_GROUPS:
            raise ProvisionedInvalid(f"at most {MOST_GROUPS} groups are provisioned")
        row = ProvisionedGroup(provider=provider, name=name, external_id=external_id, created_at=now)
        row.save(using="auth", force_insert=True)
        members = set(members)
        _put(provider, row.name, add=members, remove=set())
        _record_group("group.provisioned", provider, row, before=None, after=_told_of_group(name, members))
    return row


def change_group(
    *,
    provider: IdentityProvider,
    group_id: UUID,
    name: str | None = None,
    add: Iterable[UUID] = (),
    remove: Iterable[UUID] = (),
    exactly: Iterable[UUID] | None = None,
) -> ProvisionedGroup:
    """Rename it, and say who is in it. The roles that it gives follow at once."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        row = find_group(provider=provider, group_id=group_id)
        there = {member.id for member in members_of_group(row)}
        wanted = set(exactly) if exactly is not None else (there | set(add)) - set(remove)
        before = _told_of_group(row.name, there)
        if name is not None and name != row.name:
            if not 0 < len(name) <= 255 or "\x00" in name:
                raise ProvisionedInvalid("displayName: has 1 to 255 characters")
            if groups(provider=provider, wanted={"displayname": name}).exists():
                raise ProvisionedTaken(f"there is a group '{name}'")
            _put(provider, row.name, add=set(), remove=there)
            row.name, there = name, set()
            row.save(using="auth", update_fields=["name"])
        _put(provider, row.name, add=wanted - there, remove=there - wanted)
        after = _told_of_group(row.name, wanted)
        if after != before:
            _record_group("group.changed", provider, row, before=before, after=after)
    return row


def remove_group(*, provider: IdentityProvider, group_id: UUID) -> None:
    """The roles that it gave are gone. Raises ProvisionedUnknown."""
    with transaction.atomic(using="auth"):
        _lock(provider)
        row = find_group(provider=provider, group_id=group_id)
        there = {member.id for member in members_of_group(row)}
        _put(provider, row.name, add=set(), remove=there)
        _record_group(
            "group.unprovisioned", provider, row, before=_told_of_group(row.name, there), after=None
        )
        row.delete(using="auth")


def _put(provider: IdentityProvider, group: str, *, add: set[UUID], remove: set[UUID]) -> None:
    rows = PersonIdentity.objects.using("auth").filter(provider=provider, id__in=add | remove)
    found = {row.id: row for row in rows.select_related("user")}
    if missing := sorted(add - found.keys()):
        raise ProvisionedUnknown(f"there is no person {missing[0]}")
    for row in found.values():
        kept = [name for name in row.groups if name != group]
        row.groups = [*kept, group] if row.id in add else kept
        row.save(using="auth", update_fields=["groups"])
        give_roles(provider=provider, user=row.user, groups=row.groups)


def _switch(row: PersonIdentity, active: bool, now: datetime) -> None:
    row.user.is_active = active
    row.user.save(using="auth", update_fields=["is_active"])
    if not active:
        end_sessions(user_id=row.user_id, now=now, because="switched off by the identity provider")
        Token.objects.using("auth").filter(user_id=row.user_id, revoked_at=None).update(revoked_at=now)


def _lock(provider: IdentityProvider) -> None:
    IdentityProvider.objects.using("auth").select_for_update(no_key=True).get(id=provider.id)


def _keep_digest(provider: IdentityProvider, digest: str, action: str) -> None:
    with transaction.atomic(using="auth"):
        IdentityProvider.objects.using("auth").filter(id=provider.id).update(scim_digest=digest)
        record_platform_change(
            action=action,
            target=f"identity_provider:{provider.id}",
            before={"provisions": bool(provider.scim_digest)},
            after={"provisions": bool(digest)},
            organisation_id=provider.organisation_id,
        )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str) or len(value) > 250 or "\x00" in value:
        raise ProvisionedInvalid(f"{name}: has at most 250 characters")
    return value


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _record(
    action: str,
    provider: IdentityProvider,
    *,
    before: Fields | None,
    after: Fields | None,
    row: PersonIdentity,
) -> None:
    record_platform_change(
        action=action,
        target=f"user:{row.user_id}",
        before=before,
        after=after,
        organisation_id=provider.organisation_id,
    )


def _told_of(row: PersonIdentity) -> dict[str, Any]:
    user: User = row.user
    return {
        "username": user.username,
        "user_name": row.user_name,
        "external_id": row.external_id,
        "email": user.email,
        "full_name": user.full_name,
        "is_active": user.is_active,
    }


def _record_group(
    action: str,
    provider: IdentityProvider,
    row: ProvisionedGroup,
    *,
    before: Fields | None,
    after: Fields | None,
) -> None:
    record_platform_change(
        action=action,
        target=f"provisioned_group:{row.id}",
        before=before,
        after=after,
        organisation_id=provider.organisation_id,
    )


def _told_of_group(name: str, members: Iterable[UUID]) -> dict[str, Any]:
    return {"name": name, "members": sorted(map(str, members))}
