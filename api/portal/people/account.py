"""The account: proving the address, changing and resetting the password, sessions."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import Caller, NotAuthenticated
from api.portal.pages import page_of
from api.portal.people.account_shapes import (
    ChangePasswordBody,
    EmailBody,
    ResetPasswordBody,
    SentShape,
    SessionsShape,
    TokenBody,
    VerifiedShape,
)
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.accounts import ask_reset, ask_verification, change_password, reset_password, verify_email
from tenants.models.user import User
from tenants.sessions import end_session, end_sessions, sessions_of


class AccountView(PortalView):
    """About the caller's own account: a token that is good for one tenant only does not reach it."""

    def account(self, request: Request, *, vouched: bool = False) -> tuple[User, Caller]:
        """`vouched`: also for those for whom their organisation's identity provider vouches; what goes beyond
        that organisation is not for them. Raises NotAuthenticated."""
        caller = self.person(request)
        user = User.objects.using("auth").filter(id=caller.user_id, is_active=True).first()
        if caller.organisation_id is not None and not vouched:
            raise NotAuthenticated(
                "sign in with a password: single sign-on is for your organisation's tenants"
            )
        if user is None or caller.tenant_id is not None:
            raise NotAuthenticated(
                "sign in to the portal: this token is for one tenant, or its account closed"
            )
        return user, caller


class Verification(AccountView):
    @extend_schema(request=None, responses={202: SentShape})
    def post(self, request: Request) -> Response:
        """Send the link that proves one's address again."""
        user, _ = self.account(request)
        return Response({"sent": ask_verification(user=user, now=utc_now())}, status=202)


class Verified(PortalView):
    @extend_schema(request=TokenBody, responses={200: VerifiedShape})
    def post(self, request: Request) -> Response:
        """With the token of the link. No sign-in is needed: the mail may be read elsewhere."""
        user = verify_email(token=read(TokenBody, request)["token"], now=utc_now())
        return Response({"email": user.email})


class ForgottenPassword(PortalView):
    @extend_schema(request=EmailBody, responses={202: None})
    def post(self, request: Request) -> Response:
        """Ask for a link to choose a new password. The answer is the same for every address."""
        email = read(EmailBody, request)["email"]
        ask_reset(email=email, address=str(request.META.get("REMOTE_ADDR", "")), now=utc_now())
        return Response(status=202)


class NewPassword(PortalView):
    @extend_schema(request=ResetPasswordBody, responses={204: None})
    def post(self, request: Request) -> Response:
        """With the token of the link; it ends all sign-ins of the account."""
        body = read(ResetPasswordBody, request)
        reset_password(token=body["token"], password=body["password"], now=utc_now())
        return Response(status=204)


class Password(AccountView):
    @extend_schema(request=ChangePasswordBody, responses={204: None})
    def put(self, request: Request) -> Response:
        """By oneself, with the present one; it ends all other sign-ins of the account."""
        user, caller = self.account(request)
        body = read(ChangePasswordBody, request)
        change_password(
            user=user, old=body["old_password"], new=body["password"], now=utc_now(), keep=caller.session_id
        )
        return Response(status=204)


class Sessions(AccountView):
    @extend_schema(responses={200: SessionsShape})
    def get(self, request: Request) -> Response:
        """Where one is signed in, newest first."""
        user, caller = self.account(request, vouched=True)
        page = page_of(request, sessions_of(user_id=user.id, now=utc_now()), "-created_at", "-id")
        return page.answer(
            "sessions", [{**row, "current": row["id"] == caller.session_id} for row in page.rows]
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Sign out everywhere else."""
        user, caller = self.account(request)
        end_sessions(user_id=user.id, now=utc_now(), because="signed out elsewhere", but=caller.session_id)
        return Response(status=204)


class OneSession(AccountView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, session_id: UUID) -> Response:
        """Sign out there."""
        user, _ = self.account(request)
        end_session(user_id=user.id, session_id=session_id, now=utc_now())
        return Response(status=204)


class SignOut(AccountView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """End the session of this token."""
        user, caller = self.account(request, vouched=True)
        if caller.session_id is not None:
            end_session(user_id=user.id, session_id=caller.session_id, now=utc_now())
        return Response(status=204)
