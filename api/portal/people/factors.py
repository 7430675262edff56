"""Second factors: GET /me/factors, setting one up, POST /sign-in/second-factor."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import page_of
from api.portal.people.account import AccountView
from api.portal.people.factor_shapes import (
    ConfirmedShape,
    ConfirmKeyBody,
    ConfirmTotpBody,
    FactorsShape,
    KeyOptionsShape,
    NewTotpShape,
    PasswordBody,
    RecoveryCodesShape,
    SecondFactorBody,
)
from api.portal.people.shapes import SignedInShape
from api.portal.people.tokens import signed_in_token
from api.portal.people.views import me_shape
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.accounts import confirm_password
from tenants.factors.keep import (
    Confirmed,
    begin_key,
    begin_totp,
    confirm_key,
    confirm_totp,
    factors_of,
    recovery_codes_left,
    remove_factor,
    renew_recovery_codes,
)
from tenants.models.user import User
from tenants.second_factor import answer_second_factor


class FactorView(AccountView):
    def confirmed_account(self, request: Request) -> User:
        """The caller, who has just written the password again: a token that was stolen changes no factors."""
        user, _ = self.account(request)
        confirm_password(user=user, password=read(PasswordBody, request)["password"])
        return user


class Factors(FactorView):
    @extend_schema(responses={200: FactorsShape})
    def get(self, request: Request) -> Response:
        """One's own, oldest first, without anything secret."""
        user, _ = self.account(request)
        left = recovery_codes_left(user_id=user.id)
        page = page_of(request, factors_of(user_id=user.id), "id")
        return page.answer("factors", page.rows, recovery_codes_left=left)


class NewTotp(FactorView):
    @extend_schema(request=PasswordBody, responses={201: NewTotpShape})
    def post(self, request: Request) -> Response:
        """A secret for an authenticator app; it counts when it is confirmed with a first code."""
        user = self.confirmed_account(request)
        row, secret, address = begin_totp(user=user, now=utc_now())
        return Response({"id": row.id, "secret": secret, "address": address}, status=201)


class ConfirmTotp(FactorView):
    @extend_schema(request=ConfirmTotpBody, responses={200: ConfirmedShape})
    def post(self, request: Request, factor_id: UUID) -> Response:
        """With a code of the app. The first factor brings recovery codes, shown once."""
        user, caller = self.account(request)
        body = read(ConfirmTotpBody, request)
        made = confirm_totp(
            user=user,
            factor_id=factor_id,
            code=body["code"],
            name=body["name"],
            now=utc_now(),
            keep=caller.session_id,
        )
        return Response(_made(made))


class NewKey(FactorView):
    @extend_schema(request=PasswordBody, responses={200: KeyOptionsShape})
    def post(self, request: Request) -> Response:
        """What a browser's `navigator.credentials.create` gets."""
        user = self.confirmed_account(request)
        challenge, options = begin_key(user=user)
        return Response({"challenge": challenge, "options": options})


class ConfirmKey(FactorView):
    @extend_schema(request=ConfirmKeyBody, responses={201: ConfirmedShape})
    def post(self, request: Request) -> Response:
        """With what the browser answered."""
        user, caller = self.account(request)
        body = read(ConfirmKeyBody, request)
        made = confirm_key(
            user=user,
            challenge=body["challenge"],
            answer=body["answer"],
            name=body["name"],
            now=utc_now(),
            keep=caller.session_id,
        )
        return Response(_made(made), status=201)


class RecoveryCodes(FactorView):
    @extend_schema(request=PasswordBody, responses={200: RecoveryCodesShape})
    def post(self, request: Request) -> Response:
        """New ones, shown once; the old ones open nothing any more."""
        user = self.confirmed_account(request)
        return Response({"recovery_codes": renew_recovery_codes(user=user, now=utc_now())})


class RemovedFactor(FactorView):
    @extend_schema(request=PasswordBody, responses={204: None})
    def post(self, request: Request, factor_id: UUID) -> Response:
        """Remove one; with the last one go the recovery codes."""
        user = self.confirmed_account(request)
        remove_factor(user=user, factor_id=factor_id)
        return Response(status=204)


class SecondFactor(PortalView):
    @extend_schema(request=SecondFactorBody, responses={200: SignedInShape})
    def post(self, request: Request) -> Response:
        """The second half of a sign-in: the ticket of the first half, and a code or a key's answer."""
        body, now = read(SecondFactorBody, request), utc_now()
        user, kind = answer_second_factor(
            ticket=body["ticket"],
            code=body["code"],
            challenge=body["challenge"],
            answer=body["answer"],
            now=now,
        )
        token = signed_in_token(request, user, method=f"password and {kind}", now=now)
        return Response({"access_token": token, **me_shape(user)})


def _made(made: Confirmed) -> dict[str, Any]:
    factor = made.factor
    return {
        "id": factor.id,
        "kind": factor.kind,
        "name": factor.name,
        "recovery_codes": made.recovery_codes,
    }
