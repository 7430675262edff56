"""GET, PUT and DELETE /tenants/{slug}/remote; look now; the webhook's secret; what the host was told."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import page_of
from api.portal.remotes.shapes import (
    SECRETS,
    RemoteBody,
    RemoteShape,
    StatusesToldShape,
    WebhookSecretShape,
)
from api.portal.view import PortalView, read
from api.problems import PortalNotFound, Problem, problem
from controlplane.bundles.errands import ask_errand, drop_errand
from controlplane.bundles.hosts.known import guess_host
from controlplane.bundles.remote_address import read_address
from controlplane.bundles.remotes import ask_at
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.commit_status import CommitStatus
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.secrets.remote_credentials import seal_credential, seal_hook_secret
from domain.ids import uuid7
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

_CREDENTIAL = Problem(422, "credential-needed", "Give the credential again")
_OWN = (
    "id", "url", "host_kind", "ref_kind", "ref", "folder", "auth", "login", "known_hosts", "poll_seconds",
    "writes_statuses", "state", "message", "failures", "last_commit", "last_fetched_at", "created_by", "created_at",
    "updated_at",
)  # fmt: skip
_SET = (
    "url", "ref_kind", "ref", "folder", "auth", "login", "known_hosts", "poll_seconds", "writes_statuses",
)  # fmt: skip
_TOLD = ("commit_sha", "state", "description", "tries", "message", "created_at", "told_at", "given_up")


class Remote(PortalView):
    @extend_schema(responses={200: RemoteShape})
    def get(self, request: Request, slug: str) -> Response:
        """Where DAGs are fetched from, and how that goes."""
        access = self.access(request, slug, "remotes.read")
        with tenant_scope(access.tenant_id):
            return Response(shown(_get()))

    @extend_schema(request=RemoteBody, responses={200: RemoteShape, 201: RemoteShape})
    def put(self, request: Request, slug: str) -> Any:
        """Name the remote, or change it. It is looked at at once; credentials not given stay as they are, as long
        as the host is the same."""
        access = self.access(request, slug, "remotes.edit")
        body = read(RemoteBody, request)
        now = utc_now()
        with tenant_scope(access.tenant_id):
            row = GitRemote.objects.select_for_update().first()
            is_new = row is None
            row = row or GitRemote(
                id=uuid7(), tenant_id=access.tenant_id, created_by=access.name, created_at=now
            )
            before = None if is_new else _noted(row)
            if (refused := _credential(row, body, is_new)) is not None:
                return problem(_CREDENTIAL, detail=refused[1], errors={refused[0]: [refused[1]]})
            _apply(row, body, now)
            row.save(force_insert=is_new)
            ask_errand(kind="fetch", ref=row.id, due_at=now)
            record_change(action="remote.set", target=f"remote:{row.id}", before=before, after=_noted(row))
            return Response(shown(row), status=201 if is_new else 200)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        """Forget it with its credentials. What is deployed stays."""
        access = self.access(request, slug, "remotes.edit")
        with tenant_scope(access.tenant_id):
            row = _get()
            drop_errand(kind="fetch", ref=row.id)
            record_change(action="remote.deleted", target=f"remote:{row.id}", before=_noted(row))
            row.delete()
        return Response(status=204)


class Look(PortalView):
    @extend_schema(request=None, responses={202: RemoteShape})
    def post(self, request: Request, slug: str) -> Response:
        """Look at the remote now instead of when it is due."""
        access = self.access(request, slug, "bundles.push")
        with tenant_scope(access.tenant_id):
            row = _get()
            ask_errand(kind="fetch", ref=row.id, due_at=ask_at(row, now=utc_now()))
            return Response(shown(row), status=202)


class WebhookSecret(PortalView):
    @extend_schema(request=None, responses={201: WebhookSecretShape})
    def post(self, request: Request, slug: str) -> Response:
        """A new secret for the host's webhook; the former one is good no more."""
        access = self.access(request, slug, "remotes.edit")
        text = secrets.token_urlsafe(32)
        with tenant_scope(access.tenant_id):
            row = _get()
            sealed = seal_hook_secret(remote_id=row.id, secret=text)
            GitRemote.objects.filter(id=row.id).update(hook_sealed=sealed)
            record_change(action="remote.webhook_secret.made", target=f"remote:{row.id}")
        return Response({"webhook_url": _hook_url(row), "secret": text}, status=201)


class StatusesTold(PortalView):
    @extend_schema(responses={200: StatusesToldShape})
    def get(self, request: Request, slug: str) -> Response:
        """Commit statuses, newest first, and whether the host has heard of them."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, CommitStatus.objects.values("id", *_TOLD), "-id")
            return page.answer("statuses", [{n: row[n] for n in _TOLD} for row in page.rows])


def shown(row: GitRemote) -> dict[str, Any]:
    """A remote for people: whether there is a credential, never which."""
    return {name: getattr(row, name) for name in _OWN} | {
        "has_credential": row.sealed is not None,
        "has_webhook_secret": row.hook_sealed is not None,
        "webhook_url": _hook_url(row),
    }


def _get() -> GitRemote:
    row = GitRemote.objects.first()
    if row is None:
        raise PortalNotFound("this tenant has no Git remote")
    return row


def _credential(row: GitRemote, body: dict[str, Any], is_new: bool) -> tuple[str, str] | None:
    """Seal what was given, keep what there is, or say which field must be given."""
    given = {name: body[name] for name in SECRETS if name in body}
    if body["auth"] == "none":
        row.sealed = None
    elif given:
        row.sealed = seal_credential(remote_id=row.id, values=given)
    elif is_new or row.sealed is None or row.auth != body["auth"]:
        field = "key" if body["auth"] in ("key", "app") else "password"
        return field, f"is needed with auth {body['auth']!r}"
    elif _place(row.url) != _place(body["url"]):
        # Who may change the address may not thereby have the credential sent to a host of their own.
        field = "key" if body["auth"] in ("key", "app") else "password"
        return field, "must be given again: the address is on another host"
    return None


def _apply(row: GitRemote, body: dict[str, Any], now: datetime) -> None:
    if any(getattr(row, name) != body[name] for name in ("url", "ref_kind", "ref", "folder")):
        row.last_commit, row.state = "", "new"
    for name in _SET:
        setattr(row, name, body[name])
    row.host_kind = body.get("host_kind") or guess_host(read_address(body["url"]).host)
    row.message, row.failures, row.updated_at = "", 0, now


def _place(url: str) -> tuple[str, str, int, str]:
    address = read_address(url)
    return address.protocol, address.host, address.port, address.user


def _noted(row: GitRemote) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SET}


def _hook_url(row: GitRemote) -> str:
    return f"{settings.BASE_URL}/hooks/git/{row.tenant_id}/{row.id}"
