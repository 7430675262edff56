"""The people of a tenant: GET /tenants/{slug}/members, PATCH, DELETE; invitations."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import page_of
from api.portal.people.account import AccountView
from api.portal.people.member_shapes import (
    InvitationShape,
    InvitationsShape,
    InviteBody,
    MembersShape,
    RoleBody,
)
from api.portal.view import PortalView, read
from api.problems import PermissionMissing
from controlplane.foundation.clock import utc_now
from tenants.accounts import require_verified
from tenants.invitations import invite, open_invitations, revoke_invitation
from tenants.members import change_role, members_of, remove_member
from tenants.scope import tenant_scope


class Members(PortalView):
    @extend_schema(responses={200: MembersShape})
    def get(self, request: Request, slug: str) -> Response:
        """Everybody in the tenant, by name. Addresses are shown to those who may invite."""
        access = self.access(request, slug, "tenant.read")
        page = page_of(request, members_of(tenant_id=access.tenant_id), "user__username")
        found = [{key.removeprefix("user__"): value for key, value in row.items()} for row in page.rows]
        if not access.may("members.edit"):
            found = [{**row, "email": None} for row in found]
        return page.answer("members", found)


class OneMember(PortalView):
    @extend_schema(request=RoleBody, responses={200: RoleBody})
    def patch(self, request: Request, slug: str, user_id: UUID) -> Response:
        """Another role; nobody gives more than they hold."""
        access = self.access(request, slug, "members.edit")
        role = read(RoleBody, request)["role"]
        change_role(by=access, user_id=user_id, role=role)
        return Response({"role": role})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, user_id: UUID) -> Response:
        """Remove a member, or leave: that everybody may, but the last Owner."""
        access = self.access(request, slug, "tenant.read")
        if access.user_id != user_id and not access.may("members.edit"):
            raise PermissionMissing(f"the role {access.role} does not hold members.edit")
        remove_member(by=access, user_id=user_id)
        return Response(status=204)


class Invitations(AccountView):
    @extend_schema(responses={200: InvitationsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Those that can still be accepted, newest first."""
        access = self.access(request, slug, "members.edit")
        with tenant_scope(access.tenant_id):
            page = page_of(request, open_invitations(now=utc_now()), "-id")
            return page.answer("invitations", page.rows)

    @extend_schema(request=InviteBody, responses={201: InvitationShape})
    def post(self, request: Request, slug: str) -> Response:
        """Invite an address. The link goes there by mail; where mails are not set up it is in this answer."""
        access = self.access(request, slug, "members.edit")
        user, _ = self.account(request)
        require_verified(user)
        body: dict[str, Any] = read(InviteBody, request)
        made = invite(by=access, email=body["email"], role=body["role"], now=utc_now())
        names = ("id", "email", "role", "invited_by", "created_at", "expires_at")
        shown = {name: getattr(made.invitation, name) for name in names}
        return Response({**shown, "mailed": made.link is None, "link": made.link}, status=201)


class OneInvitation(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, invitation_id: UUID) -> Response:
        """Take it back: its link opens nothing from now on."""
        access = self.access(request, slug, "members.edit")
        revoke_invitation(by=access, invitation_id=invitation_id, now=utc_now())
        return Response(status=204)
