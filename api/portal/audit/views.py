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
        wanted, before, limit = asked(request)
        with tenant_scope(access.tenant_id):
            rows = search_tenant(wanted=wanted, before=before, limit=limit)
            signed = AuditCheckpoint.objects.order_by("-number").values("seq", "at").first()
        return Response(page(rows, limit, signed))


class OrganisationAudit(OrganisationView):
    @extend_schema(parameters=[AuditQuery], responses={200: AuditPageShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """What happened to the organisation itself; each tenant has a chain of its own."""
        self.organisation(request, organisation_id, "organisation.audit")
        wanted, before, limit = asked(request)
        rows = search_platform(wanted=wanted, before=before, limit=limit, organisation_id=organisation_id)
        return Response(page(rows, limit, None))


class PlatformAudit(OperatorView):
    @extend_schema(parameters=[AuditQuery], responses={200: AuditPageShape})
    def get(self, request: Request) -> Response:
        """The platform's own chain: sign-ins, strangers, organisations, operators."""
        self.operator(request)
        wanted, before, limit = asked(request)
        rows = search_platform(wanted=wanted, before=before, limit=limit)
        points = PlatformAuditCheckpoint.objects.using("auth")
        return Response(page(rows, limit, points.order_by("-number").values("seq", "at").first()))


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


def asked(request: Request) -> tuple[Wanted, int | None, int]:
    """What is looked for, below which row, how many. Raises ValidationError, which names the fields."""
    given = AuditQuery(data=request.query_params)
    given.is_valid(raise_exception=True)
    query: dict[str, Any] = dict(given.validated_data)
    before, limit = query.pop("before", None), query.pop("limit")
    return Wanted(**query), before, limit


def page(rows: list[dict[str, Any]], limit: int, signed: dict[str, Any] | None) -> dict[str, Any]:
    """As it goes out, the JSON texts read."""
    shown = [
        row | {name: json.loads(row[name]) if row[name] else None for name in ("before", "after", "detail")}
        for row in rows
    ]
    return {"rows": shown, "next_before": rows[-1]["seq"] if len(rows) == limit else None, "signed": signed}
