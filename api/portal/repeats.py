"""`Idempotency-Key`: the same POST again changes nothing more, and gets the same answer.

Below a tenant's path a POST may name itself by a key of the caller's own (1 to 255 visible characters). The work and the
answer that is kept commit together, so a crash leaves both or neither. The same key with the same request gets the kept
answer, marked `Idempotency-Replayed: true`; with another request 422; while the first one is still at work 409.
Only success is kept: a refusal changed nothing and may be asked again. Keys are forgotten after a day.
Source: IETF draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from api.authentication import Caller
from api.problems import Problem, problem
from controlplane.foundation.locks import try_lock
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from domain.ids import uuid7
from tenants.access import Access
from tenants.models.kept_answer import KeptAnswer
from tenants.scope import tenant_scope

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEEP = timedelta(hours=24)
FORGET = 100
"""How many expired answers one request with a key takes away."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_MALFORMED = Problem(422, "idempotency-key-malformed", "The idempotency key cannot be used")
_REUSED = Problem(422, "idempotency-key-reused", "The idempotency key belongs to another request")
_IN_FLIGHT = Problem(409, "idempotency-in-flight", "The first request of this key is still at work")


class Undone(Exception):
    """Takes back what a refused request may have begun. `args[0]` is its answer."""


def answer_once(
    request: HttpRequest, *, caller: Caller, access: Access, now: datetime, act: Callable[[], Any]
) -> Any:
    """What `act` answers, or answered before; `act` runs at most once for a key, within the tenant's scope."""
    key = request.headers[HEADER]
    if not _KEY.fullmatch(key):
        return problem(_MALFORMED, detail=f"{HEADER} has 1 to 255 visible ASCII characters")
    owner = str(caller.user_id) if caller.user_id is not None else caller.name
    try:
        with tenant_scope(access.tenant_id):
            if not try_lock(f"repeat:{access.tenant_id}:{owner}:{key}"):
                return _in_flight()
            KeptAnswer.objects.filter(
                id__in=KeptAnswer.objects.filter(expires_at__lte=now).values("id")[:FORGET]
            ).delete()
            kept = KeptAnswer.objects.filter(owner=owner, key=key, expires_at__gt=now).first()
            if kept is not None:
                return _again(kept, request)
            answer = act()
            _keep(answer, request, owner=owner, key=key, access=access, now=now)
            return answer
    except Undone as undone:
        return undone.args[0]


def rendered(answer: Any) -> Any:
    """The answer with its body made, which rest framework puts off."""
    if hasattr(answer, "render") and not answer.is_rendered:
        answer.render()
    return answer


def digest_of(request: HttpRequest) -> str:
    """What makes two requests the same."""
    said = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    return hashlib.sha256(said).hexdigest()


def _in_flight() -> HttpResponse:
    answer = problem(_IN_FLIGHT, detail="ask again in a moment: you will get its answer")
    answer["Retry-After"] = "1"
    return answer


def _again(kept: KeptAnswer, request: HttpRequest) -> HttpResponse:
    if kept.digest != digest_of(request):
        return problem(_REUSED, detail="this key was used for another path or body: take a new one")
    body = store.current().open(sealed=bytes(kept.sealed), place=_place(kept.tenant_id, kept.id))
    answer = HttpResponse(body, status=kept.status, content_type="application/json")
    answer[REPLAYED] = "true"
    return answer


def _keep(answer: Any, request: HttpRequest, *, owner: str, key: str, access: Access, now: datetime) -> None:
    rendered(answer)
    if answer.status_code >= 400 or answer.streaming:
        raise Undone(answer)
    row_id = uuid7()
    sealed = store.current().seal(plain=answer.content, place=_place(access.tenant_id, row_id))
    KeptAnswer(
        id=row_id,
        tenant_id=access.tenant_id,
        owner=owner,
        key=key,
        digest=digest_of(request),
        status=answer.status_code,
        sealed=sealed,
        created_at=now,
        expires_at=now + KEEP,
    ).save(force_insert=True)


def _place(tenant_id: UUID, row_id: UUID) -> Place:
    return Place(tenant_id=tenant_id, table="kept_answer", column="sealed", row_id=row_id)
