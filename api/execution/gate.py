"""The gate of the Task Execution API: every call passes it, and nothing of a request is believed before.

1. The token is ours, for this API, and its time is not over; it names tenant, task instance and epoch.
2. A path that names a task instance names the token's.
3. Inside the tenant's scope, the row says whether this attempt still counts (`execution/attempts.py`).
4. The endpoint runs in the same transaction; its answer is built before the commit and sent after it. What waits for
   somebody outside is done after the commit (`Later`).

A refusal is worded so that Airflow's supervisor does the right thing: 404, 409 and 410 on a heartbeat make it
end the task; 409 on `run` makes it leave the task to whoever has it; 401 and 403 on a connection or variable
make it not look elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

from api.execution import versions
from api.execution.answers import Refusal, answer, reasoned
from controlplane.execution import tokens
from controlplane.execution.attempts import (
    Attempt,
    AttemptOver,
    AttemptSuperseded,
    AttemptUnknown,
    Stage,
    find_attempt,
)
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import uuid_or_none
from controlplane.secrets.contract import KeyUnavailable
from tenants.audit.context import note_actor, note_tenant
from tenants.scope import tenant_scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """What an endpoint gets to know. `attempt` is as it was found at the start of the transaction."""

    request: HttpRequest
    now: datetime
    claims: tokens.Claims
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that is made when the endpoint's transaction is over: for what is waited for. It may refuse."""

    make: Callable[[], HttpResponse]


Endpoint = Callable[..., HttpResponse | Later]
View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call an endpoint: an attempt at this stage of its life, and with `own` only about itself."""

    stage: Stage
    own: bool = False
    superseded: int = 410
    """Status with `own` for an attempt that another one replaced. Airflow gives a retried or cleared task
    instance a new id; 410 is its answer to the old one on heartbeats, 409 on moves of the state."""
    quiet: str = ""
    """Why a call that changes something leaves no audit row. What an attempt tells of itself never does."""
    callbacks: bool | None = None
    """Whether a callback may call it; by default when it is about no attempt and asks for no running one."""


RULES: dict[Endpoint, Rule] = {}


def allow(rule: Rule) -> Callable[[Endpoint], Endpoint]:
    """Put an endpoint under a rule. Without one it cannot be routed."""

    def mark(endpoint: Endpoint) -> Endpoint:
        RULES[endpoint] = rule
        return endpoint

    return mark


def routed(**methods: Endpoint) -> View:
    """A Django view that answers these methods, each by an endpoint under a rule."""
    rules = {method: RULES[endpoint] for method, endpoint in methods.items()}

    def view(request: HttpRequest, **path: Any) -> HttpResponse:
        method = request.method or ""
        if method not in methods:
            return _worded(request, _not_allowed)
        return _worded(request, lambda: _answer(methods[method], rules[method], request, path))

    view.rules = rules  # type: ignore[attr-defined]
    view.audit_quiet = {  # type: ignore[attr-defined]
        method: rule.quiet or "the attempt tells of itself: the ledger keeps each try"
        for method, rule in rules.items()
        if rule.own or rule.quiet
    }
    view.endpoints = methods  # type: ignore[attr-defined]
    return view


def public(endpoint: Callable[[], HttpResponse]) -> View:
    """A view that asks for no token: health, and what does not exist."""

    def view(request: HttpRequest, **path: Any) -> HttpResponse:
        return _worded(request, endpoint if request.method == "GET" else _not_allowed)

    return view


def _not_allowed() -> HttpResponse:
    raise Refusal(405, "Method Not Allowed")


def _answer(endpoint: Endpoint, rule: Rule, request: HttpRequest, path: dict[str, Any]) -> HttpResponse:
    now = utc_now()
    claims = _bearer(request, now)
    may_callback = (
        rule.callbacks if rule.callbacks is not None else not (rule.own or rule.stage is Stage.RUNNING)
    )
    if claims.callback is not None and not may_callback:
        raise Refusal(403, "A callback may not call this")
    if rule.own and uuid_or_none(path.pop("task_instance_id")) != claims.task_instance_id:
        raise Refusal(403, "Token subject does not match task instance ID")
    note_actor(kind="task", name=f"task:{claims.task_instance_id}", actor_id=claims.task_instance_id)
    note_tenant(claims.tenant_id)
    with tenant_scope(claims.tenant_id):
        attempt = _attempt(claims, rule, now)
        made = endpoint(Call(request=request, now=now, claims=claims, attempt=attempt), **path)
    response = made.make() if isinstance(made, Later) else made
    if attempt.state == "running" and (fresh := tokens.refreshed(claims, now=now)):
        response["Refreshed-API-Token"] = fresh
    return response


def _bearer(request: HttpRequest, now: datetime) -> tokens.Claims:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(401, "Missing auth token")
    try:
        return tokens.verify(token.strip(), now=now)
    except tokens.TokenInvalid as error:
        log.info("task token refused: %s", error)
        raise Refusal(403, "Invalid auth token") from None


def _attempt(claims: tokens.Claims, rule: Rule, now: datetime) -> Attempt:
    try:
        return find_attempt(claims=claims, stage=rule.stage, now=now)
    except AttemptUnknown as error:
        raise reasoned(404 if rule.own else 403, "not_found", str(error)) from None
    except AttemptSuperseded as error:
        if rule.superseded == 409:
            raise reasoned(409, "invalid_state", str(error), previous_state=error.state) from None
        raise reasoned(rule.superseded if rule.own else 403, "not_found", str(error)) from None
    except AttemptOver as error:
        raise reasoned(410 if rule.own else 403, "not_running", str(error)) from None


def _worded(request: HttpRequest, produce: Callable[[], HttpResponse]) -> HttpResponse:
    """What `produce` makes, or what it raises in words, with the headers that all answers have."""
    version = versions.negotiated(request.headers.get("airflow-api-version"))
    method, path = request.method or "", request.path.removeprefix("/execution")
    try:
        if version is None:
            raise Refusal(404, "Not Found")
        if (status := versions.missing(version=version, method=method, path=path)) is not None:
            raise Refusal(status, "Not Found" if status == 404 else "Method Not Allowed")
        response = versions.fitted(produce(), version=version, method=method, path=path)
    except Refusal as refusal:
        response = answer({"detail": refusal.detail}, status=refusal.status)
    except RequestDataTooBig:
        most = f"{settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes"
        detail = {
            "reason": "body_too_large",
            "message": f"The body is larger than {most}: send where the data is",
        }
        response = answer({"detail": detail}, status=413)
    except (OperationalError, InterfaceError, KeyUnavailable):
        log.exception("the task execution API cannot answer now")
        detail = {"reason": "unavailable", "message": "Try again: the database or a key is not reachable"}
        response = answer({"detail": detail}, status=503)
    except Exception as error:
        if _is_unstorable(error):
            detail = {"reason": "Value rejected by database", "message": str(error).split("\n")[0]}
            response = answer({"detail": detail}, status=422)
        else:
            log.exception("the task execution API failed")
            response = answer({"message": "Internal server error"}, status=500)
    response["airflow-api-version"] = version or versions.NEWEST
    if correlation := request.headers.get("correlation-id"):
        response["correlation-id"] = correlation[:200]
    return response


def _is_unstorable(error: Exception) -> bool:
    """A text or number that Postgres cannot hold: too long, out of range, NUL, half a surrogate pair."""
    if isinstance(error, ValueError):
        return isinstance(error, UnicodeEncodeError) or "NUL (0x00)" in str(error)
    return isinstance(error, DataError)
