"""Makes a tenant usable: its row and owner, then what hangs on it.

Two transactions, because two roles write: the sign-in role makes tenant and membership (state
`provisioning`), the application's role furnishes the tenant within its own scope and makes it `active`. A
call that died between them is mended by the same call again. Called by sign-up, the portal and the demo,
which pass what furnishes a tenant (`controlplane.ledger.furnish`), for this package knows no ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from tenants.audit.record import record_platform_change
from tenants.models.membership import Membership
from tenants.models.organisation import Organisation
from tenants.models.tenant import Tenant
from tenants.models.token import Token
from tenants.models.user import User
from tenants.organisations import make_organisation
from tenants.scope import tenant_scope
from tenants.slugs import check_slug
from tenants.tokens import IssuedToken, issue_token

FIRST_GIT_TOKEN = "first git token"  # noqa: S105  a name, no secret


class SlugTaken(ValueError):
    """Somebody else's tenant has this name."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """`git_token` is None when an earlier call has given it already."""

    tenant: Tenant
    git_token: IssuedToken | None


def provision_tenant(
    *,
    slug: str,
    name: str,
    owner: User,
    now: datetime,
    furnish: Callable[[], None],
    organisation: Organisation | None = None,
    environment: str = "production",
) -> Provisioned:
    """Make the tenant `slug` of `owner`, or finish what an earlier call began. The same call again changes
    nothing. `furnish` runs inside the tenant's scope and must bear being run again. Without `organisation`
    the tenant gets one of its own, named like it.

    Raises `SlugInvalid`, `SlugReserved`, `SlugTaken`.
    """
    check_slug(slug)
    tenant = _found(slug, name.strip() or slug, owner, organisation, environment)
    with tenant_scope(tenant.id):
        furnish()
        token = None
        if not Token.objects.filter(name=FIRST_GIT_TOKEN).exists():
            token = issue_token(
                kind="git", name=FIRST_GIT_TOKEN, role="Author", created_by=owner.username, now=now
            )
        Tenant.objects.filter(id=tenant.id, state="provisioning").update(state="active")
    tenant.refresh_from_db(using="auth")
    return Provisioned(tenant, token)


def _found(slug: str, name: str, owner: User, organisation: Organisation | None, environment: str) -> Tenant:
    """The owner's tenant of this name, made if nobody has it."""
    try:
        with transaction.atomic(using="auth"):
            tenant = Tenant(
                slug=slug,
                name=name,
                state="provisioning",
                organisation=organisation or make_organisation(name=name, owner=owner),
                environment=environment,
            )
            tenant.save(using="auth", force_insert=True)
            Membership(tenant=tenant, user=owner, role="Owner").save(using="auth", force_insert=True)
            record_platform_change(
                action="tenant.made",
                target=f"tenant:{tenant.id}",
                after={"slug": slug, "name": name, "environment": environment, "owner": owner.username},
                organisation_id=tenant.organisation_id,
            )
            return tenant
    except IntegrityError as error:
        mine = Membership.objects.using("auth").filter(tenant__slug=slug, user=owner, role="Owner")
        if organisation is not None:
            mine = mine.filter(tenant__organisation=organisation)
        found = mine.select_related("tenant").first()
        if found is None:
            raise SlugTaken(f"the name '{slug}' is taken: choose another one") from error
        return found.tenant
