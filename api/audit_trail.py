"""Every request that changes something, or is refused, leaves an audit row: this middleware sees to it.

It opens the audit context before any door and looks at the answer after all of them. A request whose services
recorded what they changed needs no row of its own; any other one that could change something gets one, done,
refused or failed. A door says with attributes of its view which methods are quiet, and why:
`view.audit_quiet = {"PUT": "reason"}`; reads by POST are known by their permission.

Refusals of nobody in particular are counted per address, so that a stranger cannot fill the log: above the limit
one row says that more came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import structlog
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase

from tenants.audit.context import AuditContext, audit_context, current_context
from tenants.audit.record import Answered, record_change, record_request

log = structlog.get_logger("audit")
READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
REFUSED: Final = frozenset({401, 403, 429})
"""Refusals that are recorded of reads too: somebody wanted to see what is not for them."""
WINDOW_SECONDS: Final = 60
MOST_REFUSALS: Final = 60
"""Rows of refusals per window, of one address while nobody is known, else of one actor."""
HEADER: Final = "X-Request-ID"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


class AuditMiddleware:
    """The outermost: what it records is what went out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        context = AuditContext(
            address=str(request.META.get("REMOTE_ADDR", "")),
            request_id=given if _REQUEST_ID.fullmatch(given) else uuid4().hex,
            method=request.method or "",
        )
        with audit_context(context):
            response = self.get_response(request)
            leave_row(request, context, response.status_code)
        response.headers.setdefault(HEADER, context.request_id)
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """The route is known before the view runs, for the rows that the view records."""
        match = request.resolver_match
        current_context().route = f"/{match.route}" if match is not None else ""


def record_deed(request: HttpRequest, *, action: str, path: dict[str, Any]) -> None:
    """Inside the deed's transaction: its row, unless the services recorded what they changed. What was changed is
    known by the route's parts alone."""
    if request.method in READS or current_context().pending:
        return
    kind = next((name for name in reversed(path)), "tenant")
    for end in ("_id", "_name", "_key"):
        kind = kind.removesuffix(end)
    record_change(action=action, target=f"{kind}:{'/'.join(str(part) for part in path.values())}")


def leave_row(request: HttpRequest, context: AuditContext, status: int) -> None:
    """The request's own row, where there must be one. Never changes the answer: the deed is done."""
    match = request.resolver_match
    if match is None or not is_recorded(match.func, context, status):
        return
    if request.method in READS and "Authorization" not in request.headers:
        return  # a client that asks how to sign in, as git does before each push
    detail = {name: value for name, value in match.kwargs.items() if isinstance(value, str | int)}
    try:
        if status >= 400 and not _has_room(context):
            return
        record_request(context, answered=Answered(status), detail=detail)
    except Exception:
        # Told apart in the log and counted there: docs/runbooks/audit-chain-broken.md.
        log.exception("audit.lost", route=context.route, method=context.method, status=status,
                      actor=context.actor, request_id=context.request_id)  # fmt: skip


def is_recorded(view: Any, context: AuditContext, status: int) -> bool:
    """Whether this answer of the view must leave a row of the request as a whole."""
    method = context.method
    if method in READS:
        return status in REFUSED
    if status >= 400:  # 405: there is no such operation, so nobody was kept from it
        return status != 405 and (method not in quiet_methods(view) or status in (401, 403))
    return not (context.recorded or method in quiet_methods(view))


def quiet_methods(view: Any) -> dict[str, str]:
    """Methods of the view that change nothing of the tenant's, or are told elsewhere -> why."""
    found: dict[str, str] = dict(getattr(view, "audit_quiet", {}))
    for method, answers in getattr(view, "views", {}).items():
        if method == "POST" and str(getattr(answers, "permission", "")).endswith(".read"):
            found[method] = "it reads: the query is in the body"
    return found


def _has_room(context: AuditContext) -> bool:
    who = context.address if context.actor_kind == "anonymous" else f"{context.actor_kind}:{context.actor_id}"
    key = f"audit:refusals:{who or context.actor}"
    try:
        cache.add(key, 0, timeout=WINDOW_SECONDS)
        count = int(cache.incr(key))
    except Exception:  # the cache is away, or the window ended between the two: rather a row too many
        return True
    if count == MOST_REFUSALS + 1:
        context.action, context.reason = (
            "refusals.more",
            "more refusals in this minute are not listed one by one",
        )
    return count <= MOST_REFUSALS + 1
