"""GET /tenants/{slug}/backfills; POST …/preview; PATCH …/{number}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.backfills.shapes import (
    BackfillQuery,
    BackfillShape,
    BackfillsShape,
    BoundBody,
    PreviewBody,
    PreviewShape,
)
from api.portal.pages import asked_of, page_of
from api.portal.view import PortalView
from api.problems import PortalNotFound, Problem, problem
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.record_event import record_event
from controlplane.runs.backfill import (
    Asked,
    BackfillCompleted,
    BackfillUnknown,
    bound_backfill,
    preview_backfill,
)
from controlplane.runs.past_runs import IntervalsAwaited
from controlplane.runs.trigger import DagUnknown
from domain.backfills import BackfillInvalid, RunTypeNotAllowed, key_of
from tenants.scope import tenant_scope

_INVALID = Problem(422, "backfill-invalid", "This backfill is not possible")
_AWAITED = Problem(503, "intervals-awaited", "The DAG's own Timetable class is being asked")
_COMPLETED = Problem(409, "backfill-completed", "The backfill is over")
_COLUMNS = tuple(name for name in BackfillShape().fields if name not in ("id", "left"))


class Backfills(PortalView):
    @extend_schema(parameters=[BackfillQuery], responses={200: BackfillsShape})
    def get(self, request: Request, slug: str) -> Response:
        """The newest backfills of all DAGs, or of `dag_id`; with `active=true` those that are not over."""
        access = self.access(request, slug, "runs.read")
        asked = asked_of(BackfillQuery, request)
        with tenant_scope(access.tenant_id):
            rows = Backfill.objects.all()
            if "dag_id" in asked:
                rows = rows.filter(dag_id=asked["dag_id"])
            if asked["active"] is not None:
                rows = rows.filter(completed_at__isnull=asked["active"])
            page = page_of(request, rows, "-serial")
            return page.answer("backfills", _shapes(page.rows))


class Preview(PortalView):
    @extend_schema(request=PreviewBody, responses={200: PreviewShape})
    def post(self, request: Request, slug: str) -> Any:
        """How many runs a backfill would have, and how long it would take if runs last as long as they did."""
        access = self.access(request, slug, "runs.edit")
        given = PreviewBody(data=request.data)
        given.is_valid(raise_exception=True)
        body: dict[str, Any] = given.validated_data
        asked = Asked(
            dag_id=body["dag_id"],
            from_date=body["from_date"],
            to_date=body["to_date"],
            backwards=body["run_backwards"],
            reprocess=body["reprocess_behavior"],
            max_active_runs=body["max_active_runs"],
        )
        with tenant_scope(access.tenant_id):
            try:
                seen = preview_backfill(asked=asked, now=utc_now())
            except DagUnknown as error:
                raise PortalNotFound(str(error)) from error
            except IntervalsAwaited as error:
                return problem(_AWAITED, detail=str(error))
            except (BackfillInvalid, RunTypeNotAllowed) as error:
                return problem(_INVALID, detail=str(error))
        ends = [key_of(run).isoformat() for run in (seen.runs[:1] + seen.runs[-1:])]
        return Response(
            {
                "runs": len(seen.runs),
                "first": ends[0] if ends else None,
                "last": ends[-1] if ends else None,
                "average_run_seconds": seen.average_seconds,
                "predicted_seconds": seen.predicted_seconds,
            }
        )


class OneBackfill(PortalView):
    @extend_schema(request=BoundBody, responses={200: BackfillShape})
    def patch(self, request: Request, slug: str, number: int) -> Any:
        """Another bound on runs at once, also while it runs."""
        access = self.access(request, slug, "runs.edit")
        given = BoundBody(data=request.data)
        given.is_valid(raise_exception=True)
        most, now = given.validated_data["max_active_runs"], utc_now()
        with tenant_scope(access.tenant_id):
            try:
                row = bound_backfill(serial=min(number, 2**62), max_active_runs=most, now=now)
            except BackfillUnknown as error:
                raise PortalNotFound(str(error)) from error
            except BackfillCompleted as error:
                return problem(_COMPLETED, detail=str(error))
            extra = {"backfill_id": row.serial, "max_active_runs": most}
            record_event(event="bound_backfill", owner=access.name, now=now, extra=extra, dag_id=row.dag_id)
            return Response(_shapes([row])[0])


def _shapes(rows: Sequence[Backfill]) -> list[dict[str, Any]]:
    """One statement for the runs that are left of all of them."""
    left = dict(
        DagRun.objects.filter(
            dag_id__in={row.dag_id for row in rows},
            backfill_id__in=[row.id for row in rows],
            state__in=["queued", "running"],
        )
        .values_list("backfill_id")
        .annotate(left=Count("id"))
    )
    return [
        {
            "id": row.serial,
            **{name: getattr(row, name) for name in _COLUMNS},
            "left": left.get(row.id, 0),
        }
        for row in rows
    ]
