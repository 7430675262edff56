"""POST /sign-up, POST /sign-in, GET /me, POST /tenants."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.addresses import git_url, tenant_shape
from api.portal.pages import USUAL, page_of
from api.portal.people.account import AccountView
from api.portal.people.shapes import (
    MeShape,
    NewTenantBody,
    NewTenantShape,
    SecondFactorAskedShape,
    SignedInShape,
    SignedUpShape,
    SignInBody,
    SignUpBody,
    TenantsShape,
)
from api.portal.people.tokens import signed_in_token
from api.portal.view import PortalView, read
from controlplane.bundles.furnish import furnish
from controlplane.foundation.clock import utc_now
from tenants.access import SecondFactorMissing, tenants_of
from tenants.accounts import require_verified
from tenants.factors.keep import kinds_of
from tenants.models.user import User
from tenants.organisations import first_organisation
from tenants.provision import provision_tenant
from tenants.second_factor import ask_second_factor
from tenants.sign_in import check_password
from tenants.sign_up import sign_up
from tenants.tokens import IssuedToken


class SignUp(PortalView):
    @extend_schema(request=SignUpBody, responses={201: SignedUpShape})
    def post(self, request: Request) -> Response:
        """An account, a tenant of one's own, and what is needed to push the first DAG."""
        body = read(SignUpBody, request)
        now = utc_now()
        made = sign_up(
            username=body["username"],
            email=body["email"],
            password=body["password"],
            slug=body["tenant"],
            name=body["tenant_name"],
            organisation=body["organisation"],
            now=now,
            furnish=partial(furnish, now=now),
        )
        return Response(
            {
                "user": _person(made.user),
                "tenant": tenant_shape(made.tenant, "Owner"),
                "git": _git(made.tenant.slug, made.git_token),
                "access_token": signed_in_token(request, made.user, method="password", now=now),
            },
            status=201,
        )


class SignIn(PortalView):
    @extend_schema(request=SignInBody, responses={200: SignedInShape, 202: SecondFactorAskedShape})
    def post(self, request: Request) -> Response:
        """A token for the portal, and the tenants one may enter with it; or a ticket for the second factor."""
        body = read(SignInBody, request)
        address = str(request.META.get("REMOTE_ADDR", ""))
        user = check_password(username=body["username"], password=body["password"], address=address)
        asked = ask_second_factor(user)
        if asked is not None:
            challenge, options = asked.key or (None, None)
            second = {
                "ticket": asked.ticket,
                "kinds": asked.kinds,
                "challenge": challenge,
                "options": options,
            }
            return Response({"access_token": None, "second_factor": second}, status=202)
        token = signed_in_token(request, user, method="password", now=utc_now())
        return Response({"access_token": token, **me_shape(user)})


class Me(AccountView):
    @extend_schema(responses={200: MeShape})
    def get(self, request: Request) -> Response:
        """Who the token speaks for, and their tenants."""
        user, caller = self.account(request, vouched=True)
        return Response(me_shape(user, organisation_id=caller.organisation_id))


class Tenants(AccountView):
    @extend_schema(responses={200: TenantsShape})
    def get(self, request: Request) -> Response:
        """The caller's tenants, by their names in addresses, with the caller's role in each."""
        user, caller = self.account(request, vouched=True)
        rows = tenants_of(user_id=user.id)
        if caller.organisation_id is not None:
            rows = rows.filter(tenant__organisation_id=caller.organisation_id)
        page = page_of(request, rows, "tenant__slug")
        return page.answer("tenants", [tenant_shape(row.tenant, row.role) for row in page.rows])

    @extend_schema(request=NewTenantBody, responses={201: NewTenantShape})
    def post(self, request: Request) -> Response:
        """One more tenant of one's own, in the first organisation that one owns (a new one if there is none);
        the same name again finishes what an interrupted call began."""
        user, _ = self.account(request)
        require_verified(user)
        body = read(NewTenantBody, request)
        now = utc_now()
        organisation = first_organisation(owner_id=user.id)
        if organisation is not None and organisation.require_second_factor and not kinds_of(user_id=user.id):
            raise SecondFactorMissing
        made = provision_tenant(
            slug=body["slug"],
            name=body["name"],
            owner=user,
            organisation=organisation,
            now=now,
            furnish=partial(furnish, now=now),
        )
        git = None if made.git_token is None else _git(made.tenant.slug, made.git_token)
        return Response({"tenant": tenant_shape(made.tenant, "Owner"), "git": git}, status=201)


def _person(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified_at is not None,
    }


def me_shape(user: User, *, organisation_id: UUID | None = None) -> dict[str, Any]:
    """The account and the first hundred tenants where it may go (`GET /tenants` has all); by single sign-on, in the
    one organisation alone."""
    rows = tenants_of(user_id=user.id)
    if organisation_id is not None:
        rows = rows.filter(tenant__organisation_id=organisation_id)
    found = rows.order_by("tenant__slug")[:USUAL]
    return {"user": _person(user), "tenants": [tenant_shape(row.tenant, row.role) for row in found]}


def _git(slug: str, token: IssuedToken) -> dict[str, str]:
    return {"url": git_url(slug), "username": "git", "token": token.text}
