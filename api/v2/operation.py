"""The frame of every operation of the Airflow API: who asks, in which tenant, may they; then one transaction.

A view takes a `Call` and the parts of the path, and returns data (answered as JSON) or an `HttpResponse`.
Strangers and tenants that do not exist get the answer of an unknown path.
"""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, ProgrammingError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import BaseModel, ValidationError

from api.audit_trail import record_deed
from api.authentication import NotAuthenticated, enter, identify
from api.json_answers import json_answer
from api.rate import TooManyRequests, count_request
from api.v2.query import Query
from api.v2.refusals import Refusal, already_there, invalid, not_found, unstorable, wrong
from controlplane.foundation.clock import utc_now
from controlplane.ledger.record_event import record_event
from tenants.access import Access, SecondFactorMissing
from tenants.access_tokens import AccessTokenExpired, AccessTokenInvalid
from tenants.part import current_part, is_beyond_part, narrowed
from tenants.scope import tenant_scope

Body = TypeVar("Body", bound=BaseModel)
View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One authorised request, inside the tenant's scope."""

    http: HttpRequest
    access: Access
    now: datetime
    query: Query

    def body(self, model: type[Body]) -> Body:
        """The JSON body as `model`; mistakes are told as FastAPI tells them."""
        raw = self.http.body
        if not raw:
            raise Refusal(422, [{"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}])
        try:
            given = json.loads(raw, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise wrong(("body",), "JSON decode error", {}, "json_invalid") from error
        if b"\\u" in raw and not _is_storable(given):
            raise wrong(("body",), "A text has a zero byte or half a character, which cannot be stored", None)
        try:
            return model.model_validate(given)
        except ValidationError as error:
            raise invalid(error, ("body",)) from error


@dataclass(frozen=True, slots=True)
class Reply:
    """Data with a status of its own."""

    status: int
    data: Any = None


@dataclass(frozen=True, slots=True)
class Later:
    """An answer that is made when the operation's transaction is over: for what is waited for."""

    make: Callable[[], HttpResponseBase]


def operation(
    permission: str, *, event: str | None = None, records: tuple[str, ...] = (), dry_by_default: bool = False
) -> Callable[[View], View]:
    """Wrap a view. `event` goes to the event log when the view succeeds, in the same transaction, with the
    path and those fields of the body that `records` names (never one that may hold a secret). With
    `dry_by_default` only when the body says `"dry_run": false`: a question is no deed."""

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def answer(request: HttpRequest, slug: str, **path: Any) -> HttpResponseBase:
            now = utc_now()
            try:
                with narrowed():
                    access = authorise(request, slug=slug, permission=permission, now=now)
                    if any(isinstance(part, str) and "\x00" in part for part in path.values()):
                        raise not_found()
                    with beyond_part_is_forbidden(access, permission), tenant_scope(access.tenant_id):
                        call = Call(request, access, now, Query(request.GET))
                        found = view(call, **path)
                        if event is not None and _was_done(found) and not (dry_by_default and _is_dry(call)):
                            _record(call, event, path, records)
                        if _was_done(found) and not permission.endswith(".read"):
                            record_deed(request, action=f"v2.{event or view.__name__}", path=path)
            except Refusal as refusal:
                return refusal.answer()
            except IntegrityError as error:
                return already_there(error).answer()
            except DataError as error:
                return unstorable(error).answer()
            return _answer(found)

        answer.permission = permission  # type: ignore[attr-defined]
        return answer

    return wrap


def authorise(request: HttpRequest, *, slug: str, permission: str, now: datetime) -> Access:
    """The caller's access to the tenant. Raises the Refusal that Airflow gives."""
    try:
        caller = identify(request, now=now)
    except NotAuthenticated:
        raise Refusal(401, "Not authenticated", {"WWW-Authenticate": "Bearer"}) from None
    except AccessTokenExpired:
        raise Refusal(401, "Token Expired", {"WWW-Authenticate": "Bearer"}) from None
    except AccessTokenInvalid:
        raise Refusal(403, "Invalid JWT token") from None
    try:
        access = enter(caller, slug=slug)
    except SecondFactorMissing as error:
        raise Refusal(403, str(error)) from None
    if access is None:
        raise not_found()
    try:
        count_request(request, tenant_id=access.tenant_id)
    except TooManyRequests as error:
        raise Refusal(429, str(error), {"Retry-After": str(error.retry_after_seconds)}) from None
    if not access.admit(permission):
        raise Refusal(403, "Forbidden")
    return access


@contextlib.contextmanager
def beyond_part_is_forbidden(access: Access, permission: str) -> Iterator[None]:
    """For a caller whose grants reach a part of the tenant: writing beyond it is refused; what is not found
    there is forbidden to those who may see it, and absent for all others."""
    try:
        yield
    except Refusal as refusal:
        if refusal.status == 404 and current_part() is not None and access.sees_beyond(permission):
            raise Refusal(403, "Forbidden") from refusal
        raise
    except ProgrammingError as error:
        if is_beyond_part(error):
            raise Refusal(403, "Forbidden") from error
        raise


def by_method(**views: View) -> Callable[..., HttpResponseBase]:
    """One path, a view per HTTP method: `by_method(GET=get_pool, DELETE=delete_pool)`."""

    def route(request: HttpRequest, **path: Any) -> HttpResponseBase:
        view = views.get(request.method or "")
        if view is None:
            refusal = Refusal(405, "Method Not Allowed", {"Allow": ", ".join(sorted(views))})
            return refusal.answer()
        found: HttpResponseBase = view(request, **path)
        return found

    route.views = views  # type: ignore[attr-defined]
    return route


def _answer(found: Any) -> HttpResponseBase:
    if isinstance(found, Later):
        return found.make()
    if isinstance(found, HttpResponseBase):
        return found
    if isinstance(found, Reply):
        return (
            HttpResponse(status=204) if found.status == 204 else json_answer(found.data, status=found.status)
        )
    return json_answer(found)


def _record(call: Call, event: str, path: dict[str, Any], records: tuple[str, ...]) -> None:
    about = {"dag_id": path.get("dag_id"), "task_id": path.get("task_id"), "run_id": path.get("dag_run_id")}
    extra: dict[str, Any] = {**path, "method": call.http.method}
    if records and call.http.body:
        given = json.loads(call.http.body)
        extra |= {name: given[name] for name in records if name in given}
        about["run_id"] = about["run_id"] or given.get("dag_run_id")
    record_event(
        event=event,
        owner=call.access.name,
        now=call.now,
        extra=extra,
        map_index=path.get("map_index"),
        **{name: value for name, value in about.items() if isinstance(value, str)},
    )


def _was_done(found: Any) -> bool:
    """A view that answers with an error, and commits, has put off what was asked."""
    return not (isinstance(found, HttpResponse) and found.status_code >= 400)


def _is_dry(call: Call) -> bool:
    return bool(json.loads(call.http.body).get("dry_run", True))


def _is_storable(value: Any) -> bool:
    """Postgres keeps neither zero bytes nor lone surrogates; both can be written in JSON by escapes only."""
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(held) for key, held in value.items())
    if isinstance(value, list):
        return all(_is_storable(held) for held in value)
    if not isinstance(value, str):
        return True
    return "\x00" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
