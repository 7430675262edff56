"""GET, POST /tenants/{slug}/audit/streams; PATCH, DELETE /tenants/{slug}/audit/streams/{id}."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.audit.shapes import (
    NewStreamBody,
    NewStreamShape,
    StreamPatchBody,
    StreamShape,
    StreamsShape,
)
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from api.problems import PortalNotFound, Problem, problem
from controlplane.audit_streams.streams import (
    StreamInvalid,
    StreamNameTaken,
    StreamsFull,
    StreamUnknown,
    change_stream,
    end_stream,
    make_stream,
)
from controlplane.foundation.clock import utc_now
from tenants.models.audit_stream import AuditStream
from tenants.scope import tenant_scope

_SHOWN = tuple(StreamShape().fields)
_INVALID = Problem(422, "audit-stream-invalid", "The stream cannot be as it was given")
_TAKEN = Problem(409, "audit-stream-name-taken", "There is a stream of this name")
_FULL = Problem(409, "audit-streams-full", "The tenant has as many streams as it may have")


class Streams(PortalView):
    @extend_schema(responses={200: StreamsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Where the tenant's audit rows are sent, and how far each stream has got."""
        access = self.access(request, slug, "audit.export")
        with tenant_scope(access.tenant_id):
            page = page_of(request, AuditStream.objects.values(*_SHOWN), "id")
            return page.answer("streams", page.rows)

    @extend_schema(request=NewStreamBody, responses={201: NewStreamShape})
    def post(self, request: Request, slug: str) -> Any:
        """A webhook (Standard Webhooks) or a bucket that gets every row from now on, or from the first one on."""
        access = self.access(request, slug, "audit.export")
        body = read(NewStreamBody, request)
        try:
            with tenant_scope(access.tenant_id):
                row, made = make_stream(**body, by=access.name, now=utc_now())
        except (StreamInvalid, StreamNameTaken, StreamsFull) as error:
            return refused(error)
        return Response({**_shape(row), "secret": made}, status=201)


class OneStream(PortalView):
    @extend_schema(request=StreamPatchBody, responses={200: StreamShape})
    def patch(self, request: Request, slug: str, stream_id: UUID) -> Any:
        """Rename it, pause it, let it go on, give it another secret. A stopped one that is active again goes on
        where it was."""
        access = self.access(request, slug, "audit.export")
        body = read(StreamPatchBody, request)
        try:
            with tenant_scope(access.tenant_id):
                return Response(_shape(change_stream(stream_id=stream_id, **body)))
        except StreamUnknown as error:
            raise PortalNotFound(str(error)) from error
        except (StreamInvalid, StreamNameTaken) as error:
            return refused(error)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, stream_id: UUID) -> Response:
        """Nothing more is sent."""
        access = self.access(request, slug, "audit.export")
        try:
            with tenant_scope(access.tenant_id):
                end_stream(stream_id=stream_id)
        except StreamUnknown as error:
            raise PortalNotFound(str(error)) from error
        return Response(status=204)


def refused(error: StreamInvalid | StreamNameTaken | StreamsFull) -> Any:
    """The problem document, which names the field."""
    if isinstance(error, StreamInvalid):
        return problem(_INVALID, detail=str(error), errors={error.field: [str(error)]})
    if isinstance(error, StreamNameTaken):
        return problem(_TAKEN, detail=str(error), errors={"name": [str(error)]})
    return problem(_FULL, detail=str(error))


def _shape(row: AuditStream) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SHOWN}
