"""Paths of accounts, members and invitations, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.people.account import (
    ForgottenPassword,
    NewPassword,
    OneSession,
    Password,
    Sessions,
    SignOut,
    Verification,
    Verified,
)
from api.portal.people.email import ChangedEmail, MyEmail
from api.portal.people.factors import (
    ConfirmKey,
    ConfirmTotp,
    Factors,
    NewKey,
    NewTotp,
    RecoveryCodes,
    RemovedFactor,
    SecondFactor,
)
from api.portal.people.invited import Accepted, AcceptedByNewcomer, Offered
from api.portal.people.members import Invitations, Members, OneInvitation, OneMember
from api.portal.people.passkeys import PasskeyAnswer, PasskeyOptions
from api.portal.people.views import Me, SignIn, SignUp, Tenants

urlpatterns = [
    path("sign-up", SignUp.as_view()),
    path("sign-in", SignIn.as_view()),
    path("sign-out", SignOut.as_view()),
    path("sign-in/passkey", PasskeyOptions.as_view()),
    path("sign-in/passkey/answer", PasskeyAnswer.as_view()),
    path("sign-in/second-factor", SecondFactor.as_view()),
    path("me/factors", Factors.as_view()),
    path("me/factors/totp", NewTotp.as_view()),
    path("me/factors/totp/<uuid:factor_id>", ConfirmTotp.as_view()),
    path("me/factors/key", NewKey.as_view()),
    path("me/factors/key/confirm", ConfirmKey.as_view()),
    path("me/factors/recovery-codes", RecoveryCodes.as_view()),
    path("me/factors/<uuid:factor_id>/remove", RemovedFactor.as_view()),
    path("me", Me.as_view()),
    path("me/email", MyEmail.as_view()),
    path("changed-email", ChangedEmail.as_view()),
    path("me/password", Password.as_view()),
    path("me/sessions", Sessions.as_view()),
    path("me/sessions/<uuid:session_id>", OneSession.as_view()),
    path("me/verification", Verification.as_view()),
    path("verified-email", Verified.as_view()),
    path("forgotten-password", ForgottenPassword.as_view()),
    path("new-password", NewPassword.as_view()),
    path("invitation", Offered.as_view()),
    path("invitation/accept", Accepted.as_view()),
    path("invitation/sign-up", AcceptedByNewcomer.as_view()),
    path("tenants", Tenants.as_view()),
    path("tenants/<slug:slug>/members", Members.as_view()),
    path("tenants/<slug:slug>/members/<uuid:user_id>", OneMember.as_view()),
    path("tenants/<slug:slug>/invitations", Invitations.as_view()),
    path("tenants/<slug:slug>/invitations/<uuid:invitation_id>", OneInvitation.as_view()),
]
