"""Grants of parts of a tenant: GET, POST /tenants/{slug}/grants; DELETE …/{id}."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.access.shapes import GrantShape, GrantsShape, NewGrantBody
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from tenants.audit.record import record_change
from tenants.grants import all_grants, grant, revoke, told_grants
from tenants.scope import tenant_scope


class Grants(PortalView):
    @extend_schema(responses={200: GrantsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Everybody's, newest first."""
        access = self.access(request, slug, "grants.edit")
        with tenant_scope(access.tenant_id):
            page = page_of(request, all_grants(), "-id")
            return page.answer("grants", told_grants(page.rows))

    @extend_schema(request=NewGrantBody, responses={201: GrantShape})
    def post(self, request: Request, slug: str) -> Response:
        """Give a member or a service account a part of the tenant. The same again changes nothing."""
        access = self.access(request, slug, "grants.edit")
        body = read(NewGrantBody, request)
        with tenant_scope(access.tenant_id):
            row = grant(**body, by=access)
            [shown] = told_grants(list(all_grants().filter(id=row.id)))
            record_change(
                action="grant.given",
                target=f"grant:{row.id}",
                after={name: shown[name] for name in ("grantee", "kind", "name", "level")},
            )
        return Response(shown, status=201)


class OneGrant(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, grant_id: UUID) -> Response:
        """Take it back: it counts with the next request."""
        access = self.access(request, slug, "grants.edit")
        with tenant_scope(access.tenant_id):
            record_change(
                action="grant.revoked",
                target=f"grant:{grant_id}",
                before=revoke(grant_id=grant_id, by=access),
            )
        return Response(status=204)
