"""A newcomer's one step: an account and a tenant of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction

from tenants.mail.queue import queue_mail
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.organisations import checked_name, make_organisation
from tenants.people import register_person
from tenants.provision import SlugTaken, provision_tenant
from tenants.slugs import check_slug
from tenants.tokens import IssuedToken


class SignUpClosed(Exception):
    """Accounts are made by invitation alone here."""


@dataclass(frozen=True, slots=True)
class SignedUp:
    user: User
    tenant: Tenant
    git_token: IssuedToken


def sign_up(
    *,
    username: str,
    email: str,
    password: str,
    slug: str,
    name: str,
    now: datetime,
    furnish: Callable[[], None],
    organisation: str = "",
) -> SignedUp:
    """Make the person, their organisation and its first tenant; the mail that proves the address goes out.

    A name that is taken is refused before the account is made; somebody who loses the race for it keeps the
    account and makes a tenant under another name after signing in. Raises SignUpClosed, and the refusals of
    `tenants.people`, `tenants.organisations`, `tenants.slugs` and `tenants.provision`.
    """
    if settings.SIGN_UP == "invited":
        raise SignUpClosed("accounts are made by invitation here: ask somebody who is here already")
    check_slug(slug)
    if Tenant.objects.using("auth").filter(slug=slug).exists():
        raise SlugTaken(f"the name '{slug}' is taken: choose another one")
    organisation = checked_name(organisation or name.strip() or slug)
    with transaction.atomic(using="auth"):
        user = register_person(username=username, email=email, password=password)
        owned_by = make_organisation(name=organisation, owner=user)
        queue_mail(kind="verify", address=user.email, ref=user.id, now=now)
    made = provision_tenant(slug=slug, name=name, owner=user, organisation=owned_by, now=now, furnish=furnish)
    if made.git_token is None:
        raise RuntimeError("a new tenant had a token already")
    return SignedUp(user, made.tenant, made.git_token)
