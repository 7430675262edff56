"""A tenant's Git remote: `git push https://host/t/<slug>/git` with the tenant's Git token as password.

Fetching is git's own answer, streamed. A push is spooled, applied under the repository's lock and published
before a byte is answered; then the answer stays open while the files are parsed, and tells what they gave.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from api.request_body import body_reader
from controlplane.bundles import http_backend, sideband
from controlplane.bundles.feedback import tell
from controlplane.bundles.http_backend import GitRequest
from controlplane.bundles.limits import configured_limits
from controlplane.bundles.receive import Received, chosen_branch, publish_head, reconcile
from controlplane.bundles.repository import (
    PUBLISHED,
    RepositoryBusy,
    RepositoryFull,
    check_room,
    deployed_branch,
    deployed_branches,
    locked,
    open_repository,
    read_heads,
)
from controlplane.bundles.spool import BodyTooLarge, spool_body
from controlplane.bundles.tenant_limits import limits_for
from controlplane.foundation.clock import utc_now
from tenants.audit.context import note_actor, note_tenant
from tenants.tokens import TokenSubject, verify_token

log = structlog.get_logger("api.git")
Read = Callable[[int], bytes]
PUSH, FETCH = "git-receive-pack", "git-upload-pack"
_FETCH_BODY_BYTES = 16 * 1024 * 1024
_PUSH_SECONDS = 600.0
_LOCK_SECONDS = 30.0
_MOST_DISCARDED = 1024 * 1024 * 1024
_HEADERS = ("Content-Type", "Content-Encoding", "Git-Protocol")


def git_remote(request: HttpRequest, slug: str, path: str) -> HttpResponseBase:
    """One request of a git client. Strangers and unknown tenants get the same 401."""
    subject = _subject(request, slug)
    if subject is None:
        refusal = _text(401, "Sign in with any user name and a Git token of this tenant as password.")
        refusal["WWW-Authenticate"] = 'Basic realm="Aerodrome", charset="UTF-8"'
        return refusal
    service = request.GET.get("service", "") if path == "info/refs" else path
    if service not in {PUSH, FETCH}:
        return _text(404, "This is a Git remote: use it with git 1.7 or newer (git clone, git push).")
    if request.method != ("GET" if path == "info/refs" else "POST"):
        return _text(405, "This is a Git remote: use it with git.")
    needed = "bundles.push" if service == PUSH else "bundles.read"
    if needed not in subject.permissions:
        return _text(403, f"The token {subject.name!r} has the role {subject.role}, which may not push.")
    repository = open_repository(tenant_id=subject.tenant_id)
    read = body_reader(request)
    try:
        if service == PUSH:
            check_room(repository=repository)
        if path == "info/refs":
            reconcile(tenant_id=subject.tenant_id, now=utc_now())
            return _relay(_ask(request, subject, path, read))
        if service == FETCH:
            return _relay(_ask(request, subject, path, read, most=_FETCH_BODY_BYTES))
        return _push(request, subject, path, read)
    except RepositoryFull as error:
        return _text(403, str(error))
    except BodyTooLarge as error:
        return _too_large(read, str(error))
    except RepositoryBusy as error:
        return _failed_push(str(error))


def _push(request: HttpRequest, subject: TokenSubject, path: str, read: Read) -> HttpResponseBase:
    tenant_id = subject.tenant_id
    repository = open_repository(tenant_id=tenant_id)
    limits = limits_for(tenant_id=tenant_id)
    with spool_body(read=read, most=limits.total_bytes)[0] as body:
        size = body.seek(0, 2)
        body.seek(0)
        chosen = chosen_branch(tenant_id=tenant_id)
        with locked(repository=repository, seconds=_LOCK_SECONDS):
            # What an interrupted push left behind comes first: it is a version of its own.
            publish_head(
                tenant_id=tenant_id, repository=repository, chosen=chosen, pushed_by="", now=utc_now()
            )
            before = read_heads(repository=repository)
            asked = GitRequest("POST", path, "", _headers(request), body, size)
            answer = http_backend.answer(
                request=asked,
                repository=repository,
                user=subject.name,
                branches=deployed_branches(chosen=chosen),
                limits=limits,
            )
            content = answer.read(seconds=_PUSH_SECONDS)
            received = publish_head(
                tenant_id=tenant_id,
                repository=repository,
                chosen=chosen,
                pushed_by=f"token:{subject.name}",
                now=utc_now(),
            )
            after = read_heads(repository=repository)
    lines = _lines(subject, before, after, chosen, received)
    head, may_follow = sideband.split_answer(content)
    parts = _with_lines(head, lines) if may_follow else iter([content])
    return _stream(answer.status, answer.headers, parts)


def _lines(
    subject: TokenSubject,
    before: dict[str, str],
    after: dict[str, str],
    chosen: str | None,
    received: Received | None,
) -> Iterator[str]:
    deployed = deployed_branch(heads=after, chosen=chosen)
    names = sorted(before.keys() | after.keys())
    others = [n for n in names if n not in (deployed, PUBLISHED) and before.get(n) != after.get(n)]
    if others:
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        yield f"Stored {', '.join(others[:10])}{more}. Only {deployed} is deployed."
    if received is not None:
        yield from tell(
            tenant_id=subject.tenant_id, received=received, seconds=float(settings.PUSH_WAIT_SECONDS)
        )


def _with_lines(head: bytes, lines: Iterator[str]) -> Iterator[bytes]:
    yield head
    try:
        for line in lines:
            yield sideband.progress(line)
    except Exception:
        # The push is recorded already: what cannot be told must not look like a failed push.
        log.exception("git.feedback_failed")
        yield sideband.progress("The push is recorded; what became of it cannot be told right now.")
    yield sideband.FLUSH


def _ask(
    request: HttpRequest, subject: TokenSubject, path: str, read: Read, most: int = 0
) -> http_backend.GitAnswer:
    chosen = chosen_branch(tenant_id=subject.tenant_id)
    repository = open_repository(tenant_id=subject.tenant_id)
    query = request.META.get("QUERY_STRING", "")
    body, size = spool_body(read=read, most=most) if request.method == "POST" else (None, 0)
    try:
        asked = GitRequest(str(request.method), path, query, _headers(request), body, size)
        return http_backend.answer(
            request=asked,
            repository=repository,
            user=subject.name,
            branches=deployed_branches(chosen=chosen),
            limits=configured_limits(),
        )
    finally:
        if body is not None:
            body.close()


def _relay(answer: http_backend.GitAnswer) -> HttpResponseBase:
    return _stream(answer.status, answer.headers, answer.chunks())


def _stream(status: int, headers: dict[str, str], parts: Iterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, status=status, headers=headers)
    response["X-Accel-Buffering"] = "no"
    return response


def _too_large(read: Read, message: str) -> HttpResponse:
    """git shows no text of a failed POST, but it shows an error in its own protocol; and it listens only once
    everything is sent, so the rest is read first, within reason."""
    left = _MOST_DISCARDED
    while left > 0 and (chunk := read(1 << 20)):
        left -= len(chunk)
    if left <= 0:
        return _text(413, message)
    return _failed_push(message)


def _failed_push(message: str) -> HttpResponse:
    return HttpResponse(sideband.failure(message), content_type=f"application/x-{PUSH}-result")


def _subject(request: HttpRequest, slug: str) -> TokenSubject | None:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    subject = verify_token(text=password or user, kind="git", now=utc_now())
    if subject is None or subject.tenant_slug != slug:
        return None
    note_actor(kind="token", name=f"token:{subject.name}", actor_id=subject.token_id)
    note_tenant(subject.tenant_id)
    return subject


def _headers(request: HttpRequest) -> dict[str, str]:
    return {name: request.headers[name] for name in _HEADERS if name in request.headers}


def _text(status: int, message: str) -> HttpResponse:
    return HttpResponse(f"{message}\n", status=status, content_type="text/plain; charset=utf-8")
