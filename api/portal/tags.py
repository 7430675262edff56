"""Entity tags: `If-None-Match` on GET (304), `If-Match` on PATCH, PUT and DELETE (412).

The tag of a resource is the digest of what GET answers. A conditional change looks, compares and changes under one lock
of the resource and in one transaction: of two that saw the same, the second is refused.
Source: RFC 9110, 8.8.3 and 13.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags

from api.portal.repeats import Undone, rendered
from api.problems import Problem, problem
from controlplane.foundation.locks import try_lock
from tenants.scope import tenant_scope

CONDITIONAL = frozenset({"PATCH", "PUT", "DELETE"})
_FAILED = Problem(412, "precondition-failed", "The resource is not what you last saw")


def tagged(request: HttpRequest, answer: Any) -> Any:
    """A GET's answer with its tag; without its body when the caller has it already."""
    if answer.status_code != 200 or answer.streaming:
        return answer
    tag = _tag(rendered(answer).content)
    if tag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers={"ETag": tag})
    answer["ETag"] = tag
    return answer


def change_if_same(
    request: HttpRequest,
    *,
    tenant_id: UUID,
    look: Callable[[HttpRequest], Any] | None,
    act: Callable[[], Any],
) -> Any:
    """What `act` answers, when what `look` answers to a GET has one of the tags that the request names."""
    wanted = parse_etags(request.headers["If-Match"])
    try:
        with tenant_scope(tenant_id):
            if not try_lock(f"change:{tenant_id}:{request.path}"):
                return problem(_FAILED, detail="somebody else changes it right now: look again")
            if look is None:
                return problem(
                    _FAILED, detail="this resource has no tag, as it cannot be read: leave If-Match out"
                )
            found = rendered(look(_as_get(request)))
            tag = _tag(found.content) if found.status_code == 200 else None
            if tag is not None and tag not in wanted and "*" not in wanted:
                refused = problem(_FAILED, detail="it was changed since: read it again", etag=tag)
                refused["ETag"] = tag
                return refused
            answer = rendered(act())
            if answer.status_code >= 400:
                raise Undone(answer)
            return answer
    except Undone as undone:
        return undone.args[0]


def _tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _as_get(request: HttpRequest) -> HttpRequest:
    """The same caller, path and headers; no body, no query."""
    asked = copy.copy(request)
    asked.method = "GET"
    asked.META = {**request.META, "REQUEST_METHOD": "GET", "QUERY_STRING": "", "CONTENT_LENGTH": "0"}
    asked._body = b""
    return asked
