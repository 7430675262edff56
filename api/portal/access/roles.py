"""GET /permissions; GET, POST /tenants/{slug}/roles; GET, PATCH, DELETE …/{name}."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.access.shapes import (
    NewRoleBody,
    PermissionsShape,
    RoleChangeBody,
    RoleShape,
    RolesShape,
)
from api.portal.pages import page_of_all
from api.portal.view import PortalView, read
from api.problems import PortalNotFound, Problem, problem
from controlplane.foundation.clock import utc_now
from tenants.audit.record import record_change
from tenants.models.role import Role
from tenants.permissions import ALL, PERMISSIONS
from tenants.roles import MAX_ROLES, RoleInUse, change_role, create_role, delete_role
from tenants.scope import tenant_scope

_IN_USE = Problem(409, "role-in-use", "The role is in use")


class Permissions(PortalView):
    @extend_schema(responses={200: PermissionsShape})
    def get(self, request: Request) -> Response:
        """Every permission that a role can be made of, by name, and what it allows."""
        found = [{"name": name, "about": about} for name, about in ALL.items()]
        page = page_of_all(request, found, lambda row: [row["name"]])
        return page.answer("permissions", page.rows)


class Roles(PortalView):
    @extend_schema(responses={200: RolesShape})
    def get(self, request: Request, slug: str) -> Response:
        """The built-in roles, then the tenant's own by name."""
        access = self.access(request, slug, "tenant.read")
        built_in = [
            {"name": name, "description": "", "permissions": sorted(held), "is_built_in": True}
            for name, held in PERMISSIONS.items()
        ]
        with tenant_scope(access.tenant_id):
            found = [*built_in, *(_shape(row) for row in Role.objects.order_by("name")[:MAX_ROLES])]
        page = page_of_all(request, found, lambda row: [_rank(row), row["name"]])
        return page.answer("roles", page.rows)

    @extend_schema(request=NewRoleBody, responses={201: RoleShape})
    def post(self, request: Request, slug: str) -> Response:
        """A role of the tenant's own, with at most what the caller holds."""
        access = self.access(request, slug, "roles.edit")
        body = read(NewRoleBody, request)
        with tenant_scope(access.tenant_id):
            row = create_role(**body, by=access, now=utc_now())
            record_change(action="role.created", target=f"role:{row.name}", after=_logged(row))
        return Response(_shape(row), status=201)


class OneRole(PortalView):
    @extend_schema(responses={200: RoleShape})
    def get(self, request: Request, slug: str, name: str) -> Response:
        """One role of the tenant's own, or a built-in one."""
        access = self.access(request, slug, "tenant.read")
        if name in PERMISSIONS:
            held = sorted(PERMISSIONS[name])
            return Response({"name": name, "description": "", "permissions": held, "is_built_in": True})
        with tenant_scope(access.tenant_id):
            row = Role.objects.filter(name=name).first()
        if row is None:
            raise PortalNotFound(f"this tenant has no role '{name}'")
        return Response(_shape(row))

    @extend_schema(request=RoleChangeBody, responses={200: RoleShape})
    def patch(self, request: Request, slug: str, name: str) -> Response:
        """Other permissions or another description; it counts with the next request of whoever has it."""
        access = self.access(request, slug, "roles.edit")
        body = read(RoleChangeBody, request)
        with tenant_scope(access.tenant_id):
            row, before = change_role(
                name=name,
                description=body.get("description"),
                permissions=body.get("permissions"),
                by=access,
                now=utc_now(),
            )
            record_change(
                action="role.changed",
                target=f"role:{name}",
                before={"permissions": before},
                after=_logged(row),
            )
        return Response(_shape(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, name: str) -> Any:
        """Refused while somebody has it: the answer says who."""
        access = self.access(request, slug, "roles.edit")
        try:
            with tenant_scope(access.tenant_id):
                row = delete_role(name=name)
                record_change(action="role.deleted", target=f"role:{name}", before=_logged(row))
        except RoleInUse as error:
            used = {
                "members": error.use.members,
                "service_accounts": error.use.service_accounts,
                "tokens": error.use.tokens,
            }
            return problem(_IN_USE, detail=str(error), used_by=used)
        return Response(status=204)


def _rank(row: dict[str, Any]) -> int:
    """Built-in roles by what they may do, then the tenant's own."""
    return list(PERMISSIONS).index(row["name"]) if row["is_built_in"] else len(PERMISSIONS)


def _shape(row: Role) -> dict[str, Any]:
    return {
        "name": row.name,
        "description": row.description,
        "permissions": row.permissions,
        "is_built_in": False,
    }


def _logged(row: Role) -> dict[str, Any]:
    return {"permissions": row.permissions, "description": row.description}
