"""GET and POST /organisations; GET, PATCH, DELETE /organisations/{id}; its tenants."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.addresses import git_url
from api.portal.organisations.entry import OrganisationView
from api.portal.organisations.shapes import (
    JoinBody,
    JoinedShape,
    NewOwnedTenantBody,
    NewOwnedTenantShape,
    OrganisationBody,
    OrganisationShape,
    OrganisationsShape,
    OwnedTenantsShape,
)
from api.portal.pages import page_of
from api.portal.people.account import AccountView
from api.portal.view import read
from api.problems import PortalNotFound
from controlplane.bundles.furnish import furnish
from controlplane.foundation.clock import utc_now
from tenants.accounts import require_verified
from tenants.members import admit_member
from tenants.models.organisation import Organisation
from tenants.models.tenant import Tenant
from tenants.organisation_permissions import ORGANISATION_PERMISSIONS
from tenants.organisations import (
    delete_organisation,
    make_organisation,
    organisations_of,
    rename_organisation,
    tenants_in,
)
from tenants.provision import provision_tenant


class Organisations(AccountView):
    @extend_schema(responses={200: OrganisationsShape})
    def get(self, request: Request) -> Response:
        """The organisations one belongs to, by name, with one's role in each."""
        user, _ = self.account(request)
        page = page_of(request, organisations_of(user_id=user.id), "organisation__name", "organisation_id")
        return page.answer("organisations", [_shape(row.organisation, row.role) for row in page.rows])

    @extend_schema(request=OrganisationBody, responses={201: OrganisationShape})
    def post(self, request: Request) -> Response:
        """A new one; whoever makes it is its Owner."""
        user, _ = self.account(request)
        require_verified(user)
        made = make_organisation(name=read(OrganisationBody, request)["name"], owner=user)
        return Response(_shape(made, "Owner"), status=201)


class OneOrganisation(OrganisationView):
    @extend_schema(responses={200: OrganisationShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """Its name, and what the caller may do in it."""
        access = self.organisation(request, organisation_id, "organisation.read")
        return Response(_shape(access.organisation, access.role))

    @extend_schema(request=OrganisationBody, responses={200: OrganisationShape})
    def patch(self, request: Request, organisation_id: UUID) -> Response:
        """Rename it."""
        access = self.organisation(request, organisation_id, "organisation.edit")
        rename_organisation(organisation_id=organisation_id, name=read(OrganisationBody, request)["name"])
        access.organisation.refresh_from_db(using="auth")
        return Response(_shape(access.organisation, access.role))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organisation_id: UUID) -> Response:
        """Only when no tenant is left in it, also none that is being deleted."""
        self.organisation(request, organisation_id, "organisation.delete")
        delete_organisation(organisation_id=organisation_id)
        return Response(status=204)


class OwnedTenants(OrganisationView, AccountView):
    @extend_schema(responses={200: OwnedTenantsShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """All its tenants by name, also those that the caller is no member of."""
        self.organisation(request, organisation_id, "tenants.list")
        page = page_of(request, tenants_in(organisation_id=organisation_id), "slug")
        return page.answer("tenants", [owned_shape(tenant) for tenant in page.rows])

    @extend_schema(request=NewOwnedTenantBody, responses={201: NewOwnedTenantShape})
    def post(self, request: Request, organisation_id: UUID) -> Response:
        """One more tenant of the organisation; whoever makes it is its first Owner."""
        access = self.organisation(request, organisation_id, "tenants.create")
        user, _ = self.account(request)
        body = read(NewOwnedTenantBody, request)
        now = utc_now()
        made = provision_tenant(
            slug=body["slug"],
            name=body["name"],
            environment=body["environment"],
            organisation=access.organisation,
            owner=user,
            now=now,
            furnish=partial(furnish, now=now),
        )
        token = made.git_token
        git = token and {"url": git_url(made.tenant.slug), "username": "git", "token": token.text}
        return Response({"tenant": owned_shape(made.tenant), "git": git}, status=201)


class Join(OrganisationView):
    @extend_schema(request=JoinBody, responses={200: JoinedShape})
    def post(self, request: Request, organisation_id: UUID, slug: str) -> Response:
        """Become a member of a tenant of the organisation, in sight of its members. A member's role stays."""
        access = self.organisation(request, organisation_id, "tenants.join")
        role = read(JoinBody, request)["role"]
        tenant = Tenant.objects.using("auth").filter(organisation_id=organisation_id, slug=slug).first()
        if tenant is None or tenant.state == "purging":
            raise PortalNotFound(f"the organisation has no tenant '{slug}'")
        admit_member(tenant=tenant, user_id=access.user_id, role=role)
        return Response({"role": role})


def _shape(organisation: Organisation, role: str) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "role": role,
        "permissions": sorted(ORGANISATION_PERMISSIONS[role]),
        "created_at": organisation.created_at,
    }


def owned_shape(tenant: Tenant) -> dict[str, Any]:
    """A tenant as its organisation sees it: nothing of what it holds."""
    names = ("slug", "name", "environment", "state", "purge_at", "created_at")
    return {name: getattr(tenant, name) for name in names}
