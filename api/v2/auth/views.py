"""POST /auth/token and /auth/token/cli: a name and a password for an access token. GET /api/v2/auth/login and logout.

Airflow's simple auth manager is the model: JSON or form bodies, 201 with `access_token`, 401 otherwise. A
tenant that does not exist, and a tenant the person does not belong to, answer as a wrong password does.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, ValidationError

from api.authentication import NotAuthenticated, identify
from api.json_answers import json_answer
from api.v2.refusals import Refusal, invalid, wrong
from controlplane.foundation.clock import utc_now
from tenants.access import find_access
from tenants.access_tokens import (
    DAY_SECONDS,
    AccessTokenExpired,
    AccessTokenInvalid,
    issue_access_token,
)
from tenants.audit.context import note_tenant
from tenants.factors.keep import kinds_of
from tenants.sessions import begin_session, end_session
from tenants.sign_in import SignInRefused, SignInThrottled, check_password

CLI_SECONDS = 3600


class LoginBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    username: str
    password: str


def create_token(request: HttpRequest, slug: str) -> HttpResponse:
    """A token for a day."""
    return _sign_in(request, slug, DAY_SECONDS)


def create_token_cli(request: HttpRequest, slug: str) -> HttpResponse:
    """A token for an hour, as Airflow gives to its command line."""
    return _sign_in(request, slug, CLI_SECONDS)


def login(request: HttpRequest, slug: str) -> HttpResponse:
    """To the portal's sign-in page, and from there to `next`, which must be an address of this platform."""
    target = request.GET.get("next")
    if target is not None and not is_own_address(target):
        return Refusal(400, "Invalid or unsafe next URL").answer()
    return _redirect(f"{settings.BASE_URL}/sign-in" + (f"?{urlencode({'next': target})}" if target else ""))


def logout(request: HttpRequest, slug: str) -> HttpResponse:
    """To the portal's sign-in page. The sign-in of the token that was sent ends: it opens nothing any more. An API
    token is no sign-in, and stays. A cookie that Airflow's own pages may have left goes."""
    _end_session(request)
    answer = _redirect(f"{settings.BASE_URL}/sign-in")
    answer.delete_cookie("_token", path=f"/t/{slug}/")
    return answer


def _end_session(request: HttpRequest) -> None:
    """Of a person's token that was sent; whoever sends none, or one that opens nothing, is signed out already."""
    now = utc_now()
    try:
        caller = identify(request, now=now)
    except (NotAuthenticated, AccessTokenExpired, AccessTokenInvalid):
        return
    if caller.user_id is not None and caller.session_id is not None:
        end_session(user_id=caller.user_id, session_id=caller.session_id, now=now)


def is_own_address(target: str) -> bool:
    """Whether a browser that is sent there stays on this platform. Browsers read `\\` as `/`."""
    plain = unquote(target).strip().replace("\\", "/")
    if plain.startswith("//") or any(ord(letter) < 32 for letter in plain):
        return False
    own, given = urlsplit(settings.BASE_URL), urlsplit(urljoin(settings.BASE_URL + "/", plain))
    return (given.scheme, given.netloc) == (own.scheme, own.netloc)


def _redirect(address: str) -> HttpResponse:
    answer = HttpResponse(status=307, headers={"Location": address})
    del answer["Content-Type"]  # there is no content
    return answer


def refuse_anonymous(request: HttpRequest, slug: str) -> HttpResponse:
    """GET forms give a token to everybody where Airflow runs without sign-in: never here."""
    detail = "This method is only allowed if ``[core] simple_auth_manager_all_admins`` is True"
    return Refusal(403, detail).answer()


def _sign_in(request: HttpRequest, slug: str, lifetime_seconds: int) -> HttpResponse:
    now = utc_now()
    try:
        body = _body(request)
        user = check_password(
            username=body.username, password=body.password, address=request.META.get("REMOTE_ADDR", "")
        )
        access = find_access(user_id=user.id, slug=slug)
        if access is None:
            raise SignInRefused
        note_tenant(access.tenant_id)
        if kinds_of(user_id=user.id):
            return Refusal(
                401, "This account has a second factor: sign in to the portal, or use an API token"
            ).answer()
        if access.lacks_factor:
            return Refusal(401, "A second factor is required here: set one up in the portal").answer()
    except Refusal as refusal:
        return refusal.answer()
    except SignInRefused:
        return Refusal(401, "Invalid credentials").answer()
    except SignInThrottled as error:
        return Refusal(429, str(error), {"Retry-After": str(error.retry_after_seconds)}).answer()
    session_id = begin_session(
        user_id=user.id,
        method="password, for an Airflow client",
        address=str(request.META.get("REMOTE_ADDR", "")),
        user_agent=request.headers.get("User-Agent", ""),
        now=now,
        lifetime_seconds=lifetime_seconds,
    )
    token = issue_access_token(
        user_id=user.id,
        username=user.username,
        tenant_id=access.tenant_id,
        role=access.role,
        now=now,
        lifetime_seconds=lifetime_seconds,
        session_id=session_id,
    )
    return json_answer({"access_token": token}, status=201)


def _body(request: HttpRequest) -> LoginBody:
    given: Any
    kind = request.content_type
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given = {name: request.POST[name] for name in request.POST}
    elif kind in ("", "application/json"):
        try:
            given = json.loads(request.body or b"null")
        except (ValueError, RecursionError) as error:
            raise wrong(("body",), "JSON decode error", {}, "json_invalid") from error
    else:
        raise Refusal(415, "Unsupported Media Type")
    try:
        return LoginBody.model_validate(given)
    except ValidationError as error:
        raise invalid(error, ("body",)) from error
