"""GET /tenants/{slug}/audit and its export; of an organisation; of the platform, for operators."""

from __future__ import annotations

import itertools
import json
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.audit.shapes import AuditPageShape, AuditQuery, ExportQuery
from api.portal.operators.view import OperatorView
from api.portal.organisations.entry import OrganisationView
from api.portal.pages import Page, asked_of, page_of
from api.portal.view import PortalView
from tenants.audit.chains import each_row
from tenants.audit.export import FORMATS, as_csv, as_ndjson
from tenants.audit.record import record_change
from tenants.audit.search import Wanted, search_platform, search_tenant
from tenants.models.audit_checkpoint import AuditCheckpoint, PlatformAuditCheckpoint
from tenants.scope import tenant_scope


class Audit(PortalView):
    @extend_schema(parameters=[AuditQuery], responses={200: AuditPageShape})
    def get(self, request: Request, slug: str) -> Response:
        """The tenant's audit chain, newest first."""
        access = self.access(request, slug, "audit.read")
        wanted = Wanted(**asked_of(AuditQuery, request))
        with tenant_scope(access.tenant_id):
            page = page_of(request, search_tenant(wanted=wanted), "-seq")
            signed = AuditCheckpoint.objects.order_by("-number").values("seq", "at").first()
        return page.answer("rows", _shown(page), signed=signed)


class OrganisationAudit(OrganisationView):
    @extend_schema(parameters=[AuditQuery], responses={200: AuditPageShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """What happened to the organisation itself; each tenant has a chain of its own."""
        self.organisation(request, organisation_id, "organisation.audit")
        wanted = Wanted(**asked_of(AuditQuery, request))
        rows = search_platform(wanted=wanted, organisation_id=organisation_id)
        page = page_of(request, rows, "-seq")
        return page.answer("rows", _shown(page), signed=None)


class PlatformAudit(OperatorView):
    @extend_schema(parameters=[AuditQuery], responses={200: AuditPageShape})
    def get(self, request: Request) -> Response:
        """The platform's own chain: sign-ins, strangers, organisations, operators."""
        self.operator(request)
        wanted = Wanted(**asked_of(AuditQuery, request))
        page = page_of(request, search_platform(wanted=wanted), "-seq")
        points = PlatformAuditCheckpoint.objects.using("auth")
        signed = points.order_by("-number").values("seq", "at").first()
        return page.answer("rows", _shown(page), signed=signed)


class Export(PortalView):
    @extend_schema(
        parameters=[ExportQuery],
        responses={(200, kind): OpenApiResponse(OpenApiTypes.STR) for kind in FORMATS.values()},
    )
    def get(self, request: Request, slug: str) -> Any:
        """The chain from its first row on (or behind `after`), as NDJSON or CSV, in pieces as they are read."""
        access = self.access(request, slug, "audit.export")
        given = ExportQuery(data=request.query_params)
        given.is_valid(raise_exception=True)
        query: dict[str, Any] = given.validated_data
        with tenant_scope(access.tenant_id):
            record_change(action="audit.exported", target=f"tenant:{access.tenant_id}", detail=query)
        rows = each_row(access.tenant_id, after=query["after"])
        if (last := query["until"]) is not None:
            rows = itertools.takewhile(lambda row: row.seq <= last, rows)
        write = as_csv if query["form"] == "csv" else as_ndjson
        answer = StreamingHttpResponse(
            write(rows, chain=access.tenant_id), content_type=FORMATS[query["form"]]
        )
        answer["Content-Disposition"] = f'attachment; filename="audit-{slug}.{query["form"]}"'
        answer["X-Accel-Buffering"] = "no"
        return answer


def _shown(page: Page) -> list[dict[str, Any]]:
    """As it goes out, the JSON texts read."""
    return [
        row | {name: json.loads(row[name]) if row[name] else None for name in ("before", "after", "detail")}
        for row in page.rows
    ]
