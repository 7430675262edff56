"""The account's e-mail address: GET, PUT and DELETE /me/email, POST /changed-email."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.people.account import AccountView
from api.portal.people.account_shapes import ChangeEmailBody, EmailChangeShape, MyEmailShape, TokenBody
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.accounts import confirm_password
from tenants.email_change import (
    Waiting,
    ask_email_change,
    confirm_email_change,
    take_back_email_change,
    waiting_change,
)


class MyEmail(AccountView):
    @extend_schema(responses={200: MyEmailShape})
    def get(self, request: Request) -> Response:
        """The address, and a change of it that waits."""
        user, _ = self.account(request)
        found = waiting_change(user_id=user.id, now=utc_now())
        verified = user.email_verified_at is not None
        return Response({"email": user.email, "verified": verified, "change": found and _shape(found)})

    @extend_schema(request=ChangeEmailBody, responses={202: EmailChangeShape})
    def put(self, request: Request) -> Response:
        """Ask for another one, with the password. It holds when the links sent to both addresses were opened."""
        user, _ = self.account(request)
        body = read(ChangeEmailBody, request)
        confirm_password(user=user, password=body["password"])
        return Response(_shape(ask_email_change(user=user, email=body["email"], now=utc_now())), status=202)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take back a change that waits."""
        user, _ = self.account(request)
        take_back_email_change(user=user, now=utc_now())
        return Response(status=204)


class ChangedEmail(PortalView):
    @extend_schema(request=TokenBody, responses={200: EmailChangeShape})
    def post(self, request: Request) -> Response:
        """With the token of one of the two links. No sign-in is needed: the mail may be read elsewhere."""
        return Response(_shape(confirm_email_change(token=read(TokenBody, request)["token"], now=utc_now())))


def _shape(found: Waiting) -> dict[str, Any]:
    return {"email": found.email, "waits_for": list(found.waits_for), "expires_at": found.expires_at}
