"""Errors for people and programs: one table from refusals to HTTP.

The portal answers RFC 9457 problem documents with stable codes; the Airflow API answers Airflow's own
`{"detail": …}`. What no table knows is a fault of ours: it is logged with an id, and the answer has the id.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from api.authentication import NotAuthenticated
from api.json_answers import json_answer
from api.rate import TooManyRequests
from controlplane.maintenance.archive.ask import ExportNotReady, ExportUnknown, TooManyExports
from controlplane.maintenance.archive.sealing import PassphraseWeak
from controlplane.secrets.contract import KeyUnavailable
from controlplane.secrets.source import (
    SecretMalformed,
    SourceBusy,
    SourceDenied,
    SourceFaulty,
    SourceSealed,
    SourceSlow,
    SourceUnreachable,
)
from tenants.access import SecondFactorMissing
from tenants.access_tokens import AccessTokenExpired, AccessTokenInvalid
from tenants.accounts import EmailNotVerified, PasswordWrong
from tenants.deletion import ConfirmationWrong, DeletionTooLate, DeletionUnknown
from tenants.email_change import EmailChangeUnknown
from tenants.factors.keep import FactorRefused, FactorUnknown, TooManyFactors
from tenants.grants import GrantInvalid, GrantUnknown
from tenants.invitations import InvitationForSomebodyElse, InvitationUnknown, TooManyInvitations
from tenants.mail.queue import MailNotSetUp
from tenants.mail.tokens import LinkInvalid
from tenants.members import LastOwner, MemberUnknown, OwnersOnly
from tenants.operators import EntryUnknown, TenantNotThere
from tenants.operators import TenantUnknown as OperatedTenantUnknown
from tenants.organisations import (
    LastOrganisationOwner,
    OrganisationNameInvalid,
    OrganisationNotEmpty,
    OrganisationOwnersOnly,
    OrganisationPersonUnknown,
    OrganisationUnknown,
)
from tenants.people import EmailInvalid, PasswordWeak, UsernameInvalid, UsernameTaken
from tenants.provision import SlugTaken
from tenants.roles import RoleBeyond, RoleInvalid, RoleTaken, RoleUnknown
from tenants.second_factor import TicketInvalid
from tenants.service_accounts import AccountInvalid, AccountTaken, AccountUnknown
from tenants.sessions import SessionUnknown
from tenants.sign_in import SignInRefused, SignInThrottled
from tenants.sign_in_policy import OwnFactorMissing
from tenants.sign_up import SignUpClosed
from tenants.slugs import SlugInvalid, SlugReserved
from tenants.sso.arrive import ArrivalRefused
from tenants.sso.fetch import ProviderUnreachable
from tenants.sso.provider_fields import ProviderInvalid
from tenants.sso.providers import ProviderUnknown, TooManyProviders
from tenants.sso.refusals import SignOnRefused
from tenants.throttle import Throttled
from tenants.time_limit import limit_reached
from tenants.tokens import TokenOver, TokenRoleInvalid, TokenScopeInvalid, TokenUnknown

log = logging.getLogger("aerodrome.api")
CONTENT_TYPE = "application/problem+json"


class PortalNotFound(LookupError):
    """There is no such thing for whoever asks."""


class PermissionMissing(Exception):
    """A member asks for what their role does not allow."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is stable: programs may rely on it. `detail` is the error's own message."""

    status: int
    code: str
    title: str


TABLE: dict[type[Exception], Problem] = {
    NotAuthenticated: Problem(401, "not-authenticated", "Sign in first"),
    AccessTokenExpired: Problem(401, "token-expired", "The token has expired"),
    AccessTokenInvalid: Problem(401, "token-invalid", "The token is not valid"),
    SignInRefused: Problem(401, "sign-in-refused", "Sign-in refused"),
    TooManyRequests: Problem(429, "too-many-requests", "Too many requests"),
    SignOnRefused: Problem(401, "sign-on-refused", "Single sign-on was refused"),
    ArrivalRefused: Problem(403, "account-closed", "The account is closed"),
    ProviderUnknown: Problem(404, "not-found", "Not found"),
    TooManyProviders: Problem(409, "too-many-providers", "Too many identity providers"),
    ProviderInvalid: Problem(422, "provider-invalid", "Not an identity provider"),
    ProviderUnreachable: Problem(502, "provider-unreachable", "The identity provider gives no answer"),
    TicketInvalid: Problem(401, "ticket-invalid", "Begin with the password"),
    FactorRefused: Problem(422, "factor-refused", "The second factor was refused"),
    TooManyFactors: Problem(409, "too-many-factors", "Too many second factors"),
    SignInThrottled: Problem(429, "sign-in-throttled", "Too many attempts"),
    Throttled: Problem(429, "throttled", "Too many attempts"),
    SignUpClosed: Problem(403, "sign-up-closed", "Accounts are made by invitation"),
    SecondFactorMissing: Problem(403, "second-factor-required", "Set up a second factor first"),
    OwnFactorMissing: Problem(409, "own-factor-missing", "Set up a second factor of your own first"),
    PermissionMissing: Problem(403, "permission-missing", "Your role does not allow this"),
    EmailNotVerified: Problem(403, "email-not-verified", "Confirm your e-mail address first"),
    OwnersOnly: Problem(403, "owners-only", "Only an Owner may do this"),
    OrganisationOwnersOnly: Problem(403, "owners-only", "Only an Owner may do this"),
    InvitationForSomebodyElse: Problem(403, "invitation-not-yours", "The invitation is for somebody else"),
    PortalNotFound: Problem(404, "not-found", "Not found"),
    TokenUnknown: Problem(404, "not-found", "Not found"),
    MemberUnknown: Problem(404, "not-found", "Not found"),
    InvitationUnknown: Problem(404, "not-found", "Not found"),
    FactorUnknown: Problem(404, "not-found", "Not found"),
    SessionUnknown: Problem(404, "not-found", "Not found"),
    OrganisationUnknown: Problem(404, "not-found", "Not found"),
    OrganisationPersonUnknown: Problem(404, "not-found", "Not found"),
    DeletionUnknown: Problem(404, "not-found", "Not found"),
    ExportUnknown: Problem(404, "not-found", "Not found"),
    ExportNotReady: Problem(409, "export-not-ready", "The archive is not there"),
    TooManyExports: Problem(409, "too-many-exports", "Enough exports"),
    PassphraseWeak: Problem(422, "passphrase-weak", "The passphrase is too weak"),
    DeletionTooLate: Problem(409, "deletion-too-late", "It cannot be undone any more"),
    LastOwner: Problem(409, "last-owner", "The last Owner stays"),
    LastOrganisationOwner: Problem(409, "last-owner", "The last Owner stays"),
    OrganisationNotEmpty: Problem(409, "organisation-not-empty", "The organisation still has tenants"),
    TooManyInvitations: Problem(409, "too-many-invitations", "Too many open invitations"),
    MailNotSetUp: Problem(409, "mail-not-set-up", "This installation sends no mails"),
    UsernameTaken: Problem(409, "username-taken", "The user name is taken"),
    SlugTaken: Problem(409, "slug-taken", "The tenant name is taken"),
    UsernameInvalid: Problem(422, "username-invalid", "Not a user name"),
    EmailInvalid: Problem(422, "email-invalid", "Not an e-mail address"),
    PasswordWeak: Problem(422, "password-weak", "The password is too weak"),
    PasswordWrong: Problem(422, "password-wrong", "The present password is another one"),
    ConfirmationWrong: Problem(422, "confirmation-wrong", "Write the tenant's name"),
    RoleBeyond: Problem(403, "role-beyond", "You cannot give more than you hold"),
    RoleInvalid: Problem(422, "role-invalid", "Not a role"),
    EmailChangeUnknown: Problem(404, "not-found", "Not found"),
    LinkInvalid: Problem(422, "link-invalid", "The link is over or was used"),
    OrganisationNameInvalid: Problem(422, "organisation-name-invalid", "Not a name for an organisation"),
    SlugInvalid: Problem(422, "slug-invalid", "Not a tenant name"),
    SlugReserved: Problem(422, "slug-reserved", "The tenant name is reserved"),
    TokenRoleInvalid: Problem(422, "token-role-invalid", "This role cannot be given"),
    TokenScopeInvalid: Problem(422, "token-scope-invalid", "This scope cannot be given"),
    TokenOver: Problem(409, "token-over", "The token is over"),
    RoleUnknown: Problem(404, "not-found", "Not found"),
    RoleTaken: Problem(409, "role-taken", "The role's name is taken"),
    AccountUnknown: Problem(404, "not-found", "Not found"),
    AccountInvalid: Problem(422, "service-account-invalid", "Not a service account"),
    AccountTaken: Problem(409, "service-account-taken", "The account's name is taken"),
    GrantUnknown: Problem(404, "not-found", "Not found"),
    GrantInvalid: Problem(422, "grant-invalid", "This cannot be granted"),
    OperatedTenantUnknown: Problem(404, "not-found", "Not found"),
    TenantNotThere: Problem(409, "tenant-state", "The tenant is in another state"),
    EntryUnknown: Problem(404, "not-found", "Not found"),
}

TABLE |= {
    kind: Problem(503, kind.code, kind.title)
    for kind in (
        SourceSealed, SourceDenied, SourceSlow, SourceUnreachable, SourceFaulty, SourceBusy, SecretMalformed,
    )
}  # fmt: skip
TABLE[KeyUnavailable] = Problem(503, "key-unavailable", "The key of the tenant's secrets cannot be had")


_TOO_LONG = Problem(504, "took-too-long", "The request took too long")
_TOO_LONG_WORDS = (
    "The database stopped this request after {seconds:g} s and undid what it had begun. Ask for less at once: name a DAG or "
    "a run, narrow the time, or page by cursor instead of offset."
)


def problem(known: Problem, *, detail: str, **more: Any) -> HttpResponse:
    """A problem document. `more` are further members of it."""
    body = {
        "type": f"urn:aerodrome:problem:{known.code}",
        "title": known.title,
        "status": known.status,
        "code": known.code,
        "detail": detail,
        **more,
    }
    headers = {"WWW-Authenticate": "Bearer"} if known.status == 401 else None
    return json_answer(body, status=known.status, headers=headers, content_type=CONTENT_TYPE)


def explain(error: Exception) -> HttpResponse | None:
    """The problem document of a refusal that the table knows."""
    known = TABLE.get(type(error))
    if known is None:
        return None
    answer = problem(known, detail=str(error))
    if isinstance(error, SignInThrottled | Throttled | TooManyRequests):
        answer["Retry-After"] = str(error.retry_after_seconds)
    return answer


class ProblemMiddleware:
    """Turns what escapes a view, and Django's own pages for unknown paths, into the door's error shape."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == 404 and response.headers.get("Content-Type", "").startswith("text/html"):
            return _plain(request, Problem(404, "not-found", "Not found"), "Not Found")
        if response.status_code == 400 and response.headers.get("Content-Type", "").startswith("text/html"):
            return _plain(request, Problem(400, "bad-request", "Bad request"), "Bad Request")
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        """Called by Django for errors that a view raised."""
        from django.core.exceptions import SuspiciousOperation
        from django.db import InterfaceError, OperationalError
        from django.http import Http404

        if isinstance(error, Http404 | SuspiciousOperation):
            return None
        if (answer := explain(error)) is not None:
            return answer
        if (seconds := limit_reached(error)) is not None:
            log.warning("%s %s took longer than %g s a statement", request.method, request.path, seconds)
            return _plain(request, _TOO_LONG, _TOO_LONG_WORDS.format(seconds=seconds))
        if isinstance(error, OperationalError | InterfaceError):
            log.warning("the database is away at %s %s: %s", request.method, request.path, error)
            away = Problem(503, "database-away", "The database is away for a moment")
            response = _plain(request, away, "The database is away for a moment: try again.")
            response["Retry-After"] = "1"
            return response
        number = uuid.uuid4().hex
        log.exception("error %s at %s %s", number, request.method, request.path, exc_info=error)
        fault = Problem(500, "internal", "Our fault")
        return _plain(request, fault, "Internal Server Error", error_id=number)


def _plain(request: HttpRequest, known: Problem, detail: str, **more: Any) -> HttpResponse:
    if request.path.startswith(("/t/", "/execution/")):
        return json_answer({"detail": detail, **more}, status=known.status)
    return problem(known, detail=detail, **more)
