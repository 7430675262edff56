"""Bundles of a tenant: upload a zip or tar, see what each version was and what it gave."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.json_answers import json_answer
from api.portal.bundle_shapes import BundleFilesShape, BundleShape, BundlesShape, UploadQuery
from api.portal.pages import asked_of, page_of
from api.portal.view import PortalView
from api.problems import PortalNotFound, Problem, problem
from api.request_body import body_reader
from controlplane.bundles.archive import read_archive
from controlplane.bundles.limits import configured_limits
from controlplane.bundles.publish import publish
from controlplane.bundles.refusal import BundleRefused, size_text
from controlplane.bundles.spool import BodyTooLarge, spool_body
from controlplane.bundles.status import watch
from controlplane.bundles.tenant_limits import limits_for
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.access import Access
from tenants.scope import tenant_scope

REFUSED = Problem(422, "bundle-refused", "The bundle is refused")
TOO_LARGE = Problem(413, "bundle-too-large", "The bundle is too large")
NO_FILE = Problem(422, "bundle-missing", "No archive was sent")
MOST_WAIT_SECONDS = 60.0
_OWN = ["id", "digest", "source", "commit_sha", "branch", "message", "pushed_by", "file_count", "byte_count"]
_FIELDS = [*_OWN, "state", "summary", "created_at", "parsed_at", "runtime__digest", "runtime__state"]


class Bundles(PortalView):
    takes_keys = False
    """An upload is the same by its digest, and it waits for what others do after its transaction."""

    @extend_schema(responses={200: BundlesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Versions, newest first."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, BundleVersion.objects.values(*_FIELDS), "-id")
        return page.answer("bundles", [_shown(row) for row in page.rows])

    @extend_schema(
        parameters=[UploadQuery],
        request={"application/octet-stream": OpenApiTypes.BINARY, "multipart/form-data": OpenApiTypes.OBJECT},
        responses={200: BundleShape, 201: BundleShape},
    )
    def post(self, request: Request, slug: str) -> HttpResponse:
        """Publish an archive, sent as the body or as a file of a form. One that is there already answers 200."""
        access = self.access(request, slug, "bundles.push")
        return _upload(request._request, access, **asked_of(UploadQuery, request))


class OneBundle(PortalView):
    @extend_schema(responses={200: BundleFilesShape})
    def get(self, request: Request, slug: str, bundle_id: UUID) -> HttpResponse:
        """One version, with the digest of each of its files."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            row = BundleVersion.objects.filter(id=bundle_id).values(*_FIELDS, "files").first()
        if row is None:
            raise PortalNotFound(f"this tenant has no bundle version {bundle_id}")
        return json_answer(_shown(row))


def _upload(request: HttpRequest, access: Access, *, message: str, wait: float | None) -> HttpResponse:
    now = utc_now()
    try:
        with _archive(request) as stream:
            if stream is None:
                return problem(
                    NO_FILE, detail="Send a .zip, .tar or .tar.gz as the body, or as a file of a form."
                )
            files = read_archive(stream=stream, limits=limits_for(tenant_id=access.tenant_id))
        with tenant_scope(access.tenant_id):
            version = publish(
                files=files,
                source="upload",
                commit_sha=None,
                branch=None,
                message=message,
                pushed_by=access.name,
                now=now,
            )
    except BodyTooLarge as error:
        return problem(TOO_LARGE, detail=str(error))
    except BundleRefused as error:
        return problem(REFUSED, detail=str(error), member=error.member)
    for _ in watch(tenant_id=access.tenant_id, bundle_id=version.id, seconds=_wait(wait)):
        pass
    with tenant_scope(access.tenant_id):
        row = BundleVersion.objects.values(*_FIELDS).get(id=version.id)
    return json_answer(_shown(row), status=201 if version.created_at == now else 200)


@contextlib.contextmanager
def _archive(request: HttpRequest) -> Iterator[IO[bytes] | None]:
    most = configured_limits().total_bytes
    if request.content_type == "multipart/form-data":
        # Django writes form files to disk as they come, up to the length that was named: look at it first.
        if int(request.META.get("CONTENT_LENGTH") or 0) > most + (1 << 20):
            raise BodyTooLarge(f"more than {size_text(most)} were sent; keep data in object storage")
        uploads = (upload for upload in request.FILES.values() if isinstance(upload, UploadedFile))
        yield next((upload.file for upload in uploads if upload.file is not None), None)
        return
    spool, size = spool_body(read=body_reader(request), most=most)
    with spool:
        yield spool if size else None


def _wait(wanted: float | None) -> float:
    """Seconds to wait for the outcome: `?wait=`, by default as long as a push."""
    return min(settings.PUSH_WAIT_SECONDS if wanted is None else wanted, MOST_WAIT_SECONDS)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    runtime = {"digest": row["runtime__digest"], "state": row["runtime__state"]}
    return {key: value for key, value in row.items() if not key.startswith("runtime__")} | {
        "runtime": runtime
    }
