"""Webhooks of Git hosts: `POST /hooks/git/<tenant>/<remote>`, signed with the secret that the portal gave out.

The raw body is read once, within a bound, and its signature is checked before anything of it is looked at. Who
does not know the secret hears the same whether tenant and remote exist or not; who sends nothing signed, or has sent
many forgeries, hears it before a byte of the body is read or a row is looked for (`forgeries`). What is signed and not about this
remote is answered 202 with the reason, so that the host does not call it an error.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from api.hooks import forgeries
from api.json_answers import json_answer
from api.problems import Problem, problem
from api.request_body import body_reader
from controlplane.bundles import previews
from controlplane.bundles.hosts.contract import Forged, HookMalformed, Push
from controlplane.bundles.hosts.known import HOSTS, SIGNED_BY
from controlplane.bundles.webhooks import Flooded, Replayed, take
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.secrets.remote_credentials import open_hook_secret
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

log = structlog.get_logger("api.webhooks")

MOST_BYTES = 5 * 1024 * 1024
_NO_SECRET = "0" * 64
_FORGED = Problem(401, "webhook-forged", "The webhook is not signed with this remote's secret")
_REPLAYED = Problem(409, "webhook-replayed", "The delivery was taken before")
_FLOODED = Problem(429, "webhook-flood", "Too many deliveries")
_TOO_LARGE = Problem(413, "webhook-too-large", "The webhook is too large")
_MALFORMED = Problem(422, "malformed", "The webhook is not in the form that its host documents")


@csrf_exempt
@require_http_methods(["POST"])
def git_webhook(request: HttpRequest, tenant_id: UUID, remote_id: UUID) -> HttpResponse:
    """Take one delivery."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    now, address = utc_now(), str(request.META.get("REMOTE_ADDR", ""))
    if wait := forgeries.seconds_to_wait(remote_id=remote_id, address=address, now=now):
        return _wait(wait, "too many deliveries that are not signed with the secret came from here")
    if SIGNED_BY.isdisjoint(headers):
        return _forged(tenant_id, remote_id, address, now)
    body = _read(request)
    if body is None:
        return problem(_TOO_LARGE, detail=f"more than {MOST_BYTES >> 20} MiB were sent")
    remote, secret = _find(tenant_id, remote_id)
    try:
        push = _read_hook(remote, headers, body, secret or _NO_SECRET)
        if remote is None or not secret:
            raise Forged("there is no secret to sign with")
    except Forged:
        return _forged(tenant_id, remote_id, address, now)
    except HookMalformed as error:
        if remote is None or not secret:
            return _forged(tenant_id, remote_id, address, now)
        return problem(_MALFORMED, detail=str(error))
    try:
        with tenant_scope(tenant_id):
            taken = take(remote=remote, push=push, body=body, now=now)
            children = previews.of_branches(branches=taken.branches) if taken.branches else []
    except Replayed as error:
        return problem(_REPLAYED, detail=str(error))
    except Flooded as error:
        return _wait(error.retry_after_seconds, str(error))
    woken = [child.branch for child in children if previews.look_at(preview=child, now=now)]
    if woken:
        reason = f"previews are being looked at: {', '.join(woken)}"
        return json_answer({"accepted": True, "reason": reason}, status=202)
    return json_answer({"accepted": taken.wanted, "reason": taken.reason}, status=202)


def _forged(tenant_id: UUID, remote_id: UUID, address: str, now: datetime) -> HttpResponse:
    log.info("webhook.forged", tenant=str(tenant_id))
    forgeries.count_forgery(remote_id=remote_id, address=address, now=now)
    return problem(_FORGED, detail="the signature is missing or does not match")


def _wait(seconds: int, why: str) -> HttpResponse:
    answer = problem(_FLOODED, detail=why)
    answer["Retry-After"] = str(seconds)
    return answer


def _find(tenant_id: UUID, remote_id: UUID) -> tuple[GitRemote | None, str]:
    with tenant_scope(tenant_id):
        if not Tenant.objects.filter(id=tenant_id, state="active").exists():
            return None, ""
        remote = GitRemote.objects.filter(id=remote_id).first()
        return remote, open_hook_secret(remote=remote) if remote is not None else ""


def _read_hook(remote: GitRemote | None, headers: dict[str, str], body: bytes, secret: str) -> Push:
    kind = remote.host_kind if remote is not None and remote.host_kind in HOSTS else _kind(headers)
    return HOSTS[kind].read_hook(headers=headers, body=body, secret=secret)


def _kind(headers: dict[str, str]) -> str:
    """Gitea also sends GitHub's headers: its own come first."""
    if "x-gitea-event" in headers or "x-forgejo-event" in headers:
        return "gitea"
    if "x-gitlab-event" in headers:
        return "gitlab"
    return "bitbucket" if "x-event-key" in headers else "github"


def _read(request: HttpRequest) -> bytes | None:
    read = body_reader(request)
    parts, size = [], 0
    while chunk := read(1 << 16):
        size += len(chunk)
        if size > MOST_BYTES:
            return None
        parts.append(chunk)
    return b"".join(parts)
