"""GET, POST /tenants/{slug}/exports; GET, DELETE …/{id}; GET …/{id}/content. Owners only; those of a tenant that is
being deleted still find what they asked for.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import NotAuthenticated
from api.portal.exports.shapes import ExportBody, ExportShape, ExportsShape
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from api.problems import PortalNotFound
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.tenant_export import TenantExport
from controlplane.maintenance.archive.ask import ask_export, drop_export, fetched, file_of, find_export
from tenants.deletion import find_leaving
from tenants.scope import tenant_scope

PERMISSION = "tenant.export"
_SHOWN = tuple(ExportShape().fields)


class _ExportView(PortalView):
    def tenant_of(self, request: Request, slug: str) -> UUID:
        """The tenant, for who may export it, also while it is being deleted."""
        try:
            return self.access(request, slug, PERMISSION).tenant_id
        except PortalNotFound:
            try:
                user_id = self.person(request).user_id
            except NotAuthenticated:
                user_id = None
            found = (
                None if user_id is None else find_leaving(user_id=user_id, slug=slug, permission=PERMISSION)
            )
            if found is None:
                raise
            return found


class Exports(_ExportView):
    @extend_schema(responses={200: ExportsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Archives of the tenant that were asked for, newest first."""
        with tenant_scope(self.tenant_of(request, slug)):
            page = page_of(request, TenantExport.objects.values(*_SHOWN), "-id")
        return page.answer("exports", page.rows)

    @extend_schema(request=ExportBody, responses={202: ExportShape})
    def post(self, request: Request, slug: str) -> Response:
        """Ask for one. It is made in the background, and kept for three days."""
        access = self.access(request, slug, PERMISSION)
        passphrase = read(ExportBody, request)["passphrase"]
        with tenant_scope(access.tenant_id):
            row = ask_export(by=access.name, passphrase=passphrase, now=utc_now())
        return Response(shown(row), status=202)


class OneExport(_ExportView):
    @extend_schema(responses={200: ExportShape})
    def get(self, request: Request, slug: str, export_id: UUID) -> Response:
        """One, and how far it is."""
        with tenant_scope(self.tenant_of(request, slug)):
            return Response(shown(find_export(export_id)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, export_id: UUID) -> Response:
        """Take it away now."""
        access = self.access(request, slug, PERMISSION)
        with tenant_scope(access.tenant_id):
            drop_export(export_id)
        return Response(status=204)


class ExportContent(_ExportView):
    @extend_schema(responses={(200, "application/zip"): OpenApiResponse(OpenApiTypes.BINARY)})
    def get(self, request: Request, slug: str, export_id: UUID) -> Any:
        """The archive: a zip file."""
        with tenant_scope(self.tenant_of(request, slug)):
            row = find_export(export_id)
            path = file_of(row)
            fetched(row)
        answer = FileResponse(path.open("rb"), content_type="application/zip", as_attachment=True)
        answer["Content-Disposition"] = f'attachment; filename="{slug}-{row.id}.zip"'
        answer["Cache-Control"] = "no-store"
        return answer


def shown(row: TenantExport) -> dict[str, Any]:
    """As it goes out: never the passphrase."""
    return {name: getattr(row, name) for name in _SHOWN}
