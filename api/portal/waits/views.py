"""GET /tenants/{slug}/task-instances/{task_instance_id}/waits."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.view import PortalView
from api.portal.waits.shapes import WaitsShape
from api.problems import PortalNotFound
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.waits import why_not_running
from tenants.scope import tenant_scope


class Waits(PortalView):
    @extend_schema(responses={200: WaitsShape})
    def get(self, request: Request, slug: str, task_instance_id: UUID) -> Response:
        """Why a task does not run. Airflow's `dependencies` say it only of tasks that are not admitted yet."""
        access = self.access(request, slug, "runs.read")
        with tenant_scope(access.tenant_id):
            row = TaskInstance.objects.select_related("dag_run").filter(id=task_instance_id).first()
            if row is None:
                raise PortalNotFound(f"this tenant has no task instance {task_instance_id}")
            waits = why_not_running(row=row, now=utc_now())
        return Response({"state": row.state, "waits": [asdict(wait) for wait in waits]})
