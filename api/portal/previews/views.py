"""GET and POST /tenants/{slug}/previews; end one; promote what it holds."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import page_of
from api.portal.previews.shapes import PreviewBody, PreviewShape, PreviewsShape, PromotedShape
from api.portal.view import PortalView, read
from api.problems import PermissionMissing, PortalNotFound, Problem, problem
from controlplane.bundles import previews
from controlplane.bundles.errands import ask_errand
from controlplane.bundles.furnish import furnish
from controlplane.bundles.previews import NothingToPromote, PreviewRefused, PreviewUnknown
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.ledger.models.preview import Preview
from controlplane.secrets.remote_credentials import open_credential, seal_credential
from domain.ids import uuid7
from tenants.audit.record import record_change
from tenants.models.user import User
from tenants.scope import tenant_scope

_REFUSED = Problem(422, "preview-refused", "There can be no such preview")
_EMPTY = Problem(409, "preview-empty", "There is nothing to promote")
_OWN = ("id", "branch", "slug", "state", "created_by", "created_at", "expires_at", "ended_at")
_COPIED = ("url", "host_kind", "folder", "auth", "login", "known_hosts", "poll_seconds")


class Previews(PortalView):
    @extend_schema(responses={200: PreviewsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Previews, newest first, those that ended included."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, Preview.objects.values(*_OWN), "-id")
        return page.answer("previews", page.rows)

    @extend_schema(request=PreviewBody, responses={201: PreviewShape, 200: PreviewShape})
    def post(self, request: Request, slug: str) -> Any:
        """A tenant of its own for a branch, with schedules paused; for a branch that has one, its end moves."""
        access = self.access(request, slug, "remotes.edit")
        if access.user_id is None:
            raise PermissionMissing("a preview has a person as its Owner: API tokens cannot make one")
        body = read(PreviewBody, request)
        now = utc_now()
        try:
            row = previews.make_preview(
                tenant_id=access.tenant_id,
                branch=body["branch"],
                by=User.objects.using("auth").get(id=access.user_id),
                lifetime=timedelta(days=body["lifetime_days"]),
                furnish=partial(furnish, now=now),
                now=now,
            )
        except PreviewRefused as error:
            return problem(_REFUSED, detail=str(error), errors={error.field: [str(error)]})
        _copy_remote(access.tenant_id, row, now)
        with tenant_scope(access.tenant_id):
            after = {"branch": row.branch, "slug": row.slug, "expires_at": row.expires_at.isoformat()}
            record_change(action="preview.made", target=f"preview:{row.id}", after=after)
        return Response(_shown(row), status=201 if row.created_at == now else 200)


class OnePreview(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, preview_id: UUID) -> Response:
        """End it now: it is deleted with everything in it."""
        access = self.access(request, slug, "remotes.edit")
        try:
            row = previews.end_preview(tenant_id=access.tenant_id, preview_id=preview_id, now=utc_now())
        except PreviewUnknown as error:
            raise PortalNotFound(str(error)) from error
        with tenant_scope(access.tenant_id):
            record_change(action="preview.ended", target=f"preview:{row.id}", before={"branch": row.branch})
        return Response(status=204)


class Promote(PortalView):
    @extend_schema(request=None, responses={201: PromotedShape})
    def post(self, request: Request, slug: str, preview_id: UUID) -> Any:
        """Deploy here what is in force in the preview: the same files, byte by byte."""
        access = self.access(request, slug, "deployments.edit")
        try:
            bundle = previews.promote(
                tenant_id=access.tenant_id, preview_id=preview_id, by=access.name, now=utc_now()
            )
        except PreviewUnknown as error:
            raise PortalNotFound(str(error)) from error
        except NothingToPromote as error:
            return problem(_EMPTY, detail=str(error))
        with tenant_scope(access.tenant_id):
            made = Deployment.objects.filter(bundle_version_id=bundle.id).order_by("-number")[0]
            record_change(
                action="preview.promoted",
                target=f"preview:{preview_id}",
                after={"deployment": made.number, "bundle": str(bundle.id)},
            )
        return Response({"bundle_id": bundle.id, "deployment": made.number, "state": made.state}, status=201)


def _copy_remote(tenant_id: UUID, preview: Preview, now: datetime) -> None:
    """The preview looks at its branch by the parent's way in, sealed anew; without a remote it is pushed to."""
    with tenant_scope(tenant_id):
        parent = GitRemote.objects.first()
        opened = open_credential(remote=parent) if parent is not None else {}
    if parent is None:
        return
    with tenant_scope(preview.preview_tenant_id):
        if GitRemote.objects.exists():
            return
        row_id = uuid7()
        row = GitRemote.objects.create(
            id=row_id,
            tenant_id=preview.preview_tenant_id,
            ref_kind="branch",
            ref=preview.branch,
            sealed=seal_credential(remote_id=row_id, values=opened) if opened else None,
            writes_statuses=parent.writes_statuses,
            created_by=preview.created_by,
            created_at=now,
            updated_at=now,
            **{name: getattr(parent, name) for name in _COPIED},
        )
        ask_errand(kind="fetch", ref=row.id, due_at=now)


def _shown(row: Preview) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _OWN}
