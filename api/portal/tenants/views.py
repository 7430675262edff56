"""GET /tenants/{slug}, its tokens and its runtimes."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.addresses import tenant_shape
from api.portal.pages import page_of
from api.portal.tenants.shapes import (
    RuntimeShape,
    RuntimesShape,
    StatusShape,
)
from api.portal.view import PortalView
from api.problems import PortalNotFound
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

_RUNTIME = ("id", "digest", "airflow", "python", "requirements", "state", "message", "created_at", "ready_at")


class Status(PortalView):
    @extend_schema(responses={200: StatusShape})
    def get(self, request: Request, slug: str) -> Response:
        """The tenant in a few numbers, and what the caller may do there."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            tenant = Tenant.objects.get(id=access.tenant_id)
            numbers = {
                "dags": Dag.objects.filter(is_stale=False).count(),
                "import_errors": FileError.objects.count(),
                "running_runs": DagRun.objects.filter(state="running").count(),
                "running_tasks": TaskInstance.objects.filter(state="running").count(),
            }
        permissions = sorted(access.permissions)
        return Response({**tenant_shape(tenant, access.role), **numbers, "permissions": permissions})


class Runtimes(PortalView):
    @extend_schema(responses={200: RuntimesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Runtimes, newest first, without their build logs."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, Runtime.objects.values(*_RUNTIME), "-id")
        return page.answer("runtimes", page.rows)


class OneRuntime(PortalView):
    @extend_schema(responses={200: RuntimeShape})
    def get(self, request: Request, slug: str, runtime_id: UUID) -> Response:
        """One runtime with its build log."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            row = Runtime.objects.filter(id=runtime_id).values(*_RUNTIME, "log").first()
        if row is None:
            raise PortalNotFound(f"this tenant has no runtime {runtime_id}")
        return Response(row)
