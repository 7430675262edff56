"""The other end of an invitation: look at it, accept it with one's account or with a new one."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.people.account import AccountView
from api.portal.people.member_shapes import (
    InvitationTokenBody,
    JoinedTenantShape,
    NewcomerBody,
    NewcomerShape,
    OfferedShape,
)
from api.portal.people.tokens import signed_in_token
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.invitations import accept_as_newcomer, accept_invitation, find_invitation
from tenants.models.user import User


class Offered(PortalView):
    @extend_schema(request=InvitationTokenBody, responses={200: OfferedShape})
    def post(self, request: Request) -> Response:
        """What the link offers. The token travels in the body, so that it reaches no log."""
        row = find_invitation(token=read(InvitationTokenBody, request)["token"], now=utc_now())
        people = User.objects.using("auth").filter(email__iexact=row.email, is_active=True)
        names = ("email", "role", "invited_by", "expires_at")
        return Response(
            {
                "tenant": row.tenant.slug,
                "tenant_name": row.tenant.name,
                **{name: getattr(row, name) for name in names},
                "has_account": people.exists(),
            }
        )


class Accepted(AccountView):
    @extend_schema(request=InvitationTokenBody, responses={200: JoinedTenantShape})
    def post(self, request: Request) -> Response:
        """With the account one is signed in to, when its address is the one invited."""
        user, _ = self.account(request)
        row = accept_invitation(token=read(InvitationTokenBody, request)["token"], user=user, now=utc_now())
        return Response({"tenant": row.tenant.slug, "role": row.role})


class AcceptedByNewcomer(PortalView):
    @extend_schema(request=NewcomerBody, responses={201: NewcomerShape})
    def post(self, request: Request) -> Response:
        """With a new account for the address invited: nothing is left to prove."""
        body, now = read(NewcomerBody, request), utc_now()
        user, row = accept_as_newcomer(
            token=body["token"], username=body["username"], password=body["password"], now=now
        )
        token = signed_in_token(request, user, method="password", now=now)
        return Response({"tenant": row.tenant.slug, "role": row.role, "access_token": token}, status=201)
