"""GET /tenants/{slug}/dags/{dag_id}, …/due-runs; POST …/resume."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.dags.shapes import DagShape, DueShape, ResumeBody
from api.portal.view import PortalView
from api.problems import PortalNotFound, Problem, problem
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from controlplane.ledger.record_event import record_event
from controlplane.runs.resume import ASK_ABOVE, ConfirmationNeeded, Due, count_due, resume
from controlplane.runs.trigger import DagUnknown
from tenants.scope import tenant_scope

_CONFIRM = Problem(409, "resume-needs-confirmation", "Resuming creates many runs")


_SHOWN = ("dag_id", "is_paused", "pause_reason", "is_stale", "has_import_errors", "next_run_after", "active_runs",
          "max_active_runs")  # fmt: skip


class OneDag(PortalView):
    @extend_schema(responses={200: DagShape})
    def get(self, request: Request, slug: str, dag_id: str) -> Response:
        """Why a DAG runs, or does not: beside what Airflow's API says, who paused it and what its timetable raised."""
        access = self.access(request, slug, "dags.read")
        with tenant_scope(access.tenant_id):
            row = Dag.objects.filter(dag_id=dag_id).first()
            if row is None:
                raise PortalNotFound(f"There is no DAG {dag_id!r}.")
            forecast = TimetableForecast.objects.filter(dag_id=row.id).first()
        problem = forecast.problem if forecast else None
        return Response({**{name: getattr(row, name) for name in _SHOWN}, "timetable_problem": problem})


class DueRuns(PortalView):
    @extend_schema(responses={200: DueShape})
    def get(self, request: Request, slug: str, dag_id: str) -> Response:
        """How many runs would be created if the DAG was resumed now. Changes nothing."""
        access = self.access(request, slug, "runs.read")
        with tenant_scope(access.tenant_id):
            try:
                return Response(_shape(count_due(dag_id=dag_id, now=utc_now())))
            except DagUnknown as error:
                raise PortalNotFound(str(error)) from error


class Resume(PortalView):
    @extend_schema(request=ResumeBody, responses={200: DueShape})
    def post(self, request: Request, slug: str, dag_id: str) -> Any:
        """Resume the DAG. Many due runs are a 409 `resume-needs-confirmation` unless `confirmed` is true."""
        access = self.access(request, slug, "dags.edit")
        given = ResumeBody(data=request.data)
        given.is_valid(raise_exception=True)
        now = utc_now()
        with tenant_scope(access.tenant_id):
            try:
                due = resume(dag_id=dag_id, confirmed=given.validated_data["confirmed"], now=now)
            except DagUnknown as error:
                raise PortalNotFound(str(error)) from error
            except ConfirmationNeeded as error:
                return problem(_CONFIRM, detail=str(error), **_shape(error.due))
            extra = {"due_runs": due.runs, "confirmed": given.validated_data["confirmed"]}
            record_event(event="resume_dag", owner=access.name, now=now, extra=extra, dag_id=dag_id)
        return Response(_shape(due))


def _shape(due: Due) -> dict[str, Any]:
    return {
        "due_runs": due.runs,
        "more": due.more,
        "about": due.about,
        "first_run_after": due.first,
        "max_active_runs": due.at_once,
        "asks_above": ASK_ABOVE,
    }
