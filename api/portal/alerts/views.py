"""GET /tenants/{slug}/callbacks, one's log, and /tenants/{slug}/deadlines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.alerts.shapes import (
    CallbackLogShape,
    CallbackQuery,
    CallbacksShape,
    DeadlineQuery,
    DeadlinesShape,
)
from api.portal.pages import asked_of, page_of
from api.portal.view import PortalView
from api.problems import PortalNotFound
from controlplane.execution import logs
from controlplane.ledger.models.callback import Callback
from controlplane.ledger.models.deadline import Deadline
from tenants.scope import tenant_scope

MOST_LOG_BYTES = 1024 * 1024
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_CALLBACK = (
    "id", "kind", "state", "dag_id", "task_id", "map_index", "try_number", "reason", "message", "created_at",
    "begun_at", "done_at",
)  # fmt: skip


class Callbacks(PortalView):
    @extend_schema(parameters=[CallbackQuery], responses={200: CallbacksShape})
    def get(self, request: Request, slug: str) -> Response:
        """Callbacks that the control plane had to have run, newest first. What a live task ran is in its log."""
        access = self.access(request, slug, "runs.read")
        asked = asked_of(CallbackQuery, request)
        names = {"dag_id": "dag_id", "dag_run_id": "run_id", "state": "state"}
        with tenant_scope(access.tenant_id):
            rows = Callback.objects.filter(**{names[k]: v for k, v in asked.items() if k in names})
            page = page_of(request, rows.values(*_CALLBACK, "run_id"), "-id")
            found = [{**row, "dag_run_id": row.pop("run_id")} for row in page.rows]
            return page.answer("callbacks", found, total_entries=rows.count())


class CallbackLog(PortalView):
    @extend_schema(responses={200: CallbackLogShape})
    def get(self, request: Request, slug: str, callback_id: UUID) -> Response:
        """What a callback printed and logged."""
        access = self.access(request, slug, "logs.read")
        with tenant_scope(access.tenant_id):
            row = Callback.objects.filter(id=callback_id).first()
        if row is None:
            raise PortalNotFound(f"this tenant has no callback {callback_id}")
        key = logs.callback_log_key(
            tenant_id=access.tenant_id,
            dag_id=row.dag_id,
            run_id=row.run_id,
            callback_id=row.id,
            claim=row.fence or 1,
        )
        lines = logs.read(key=key, limit=MOST_LOG_BYTES).splitlines() if logs.size(key) else []
        return Response({"content": [_line(line) for line in lines]})


class Deadlines(PortalView):
    @extend_schema(parameters=[DeadlineQuery], responses={200: DeadlinesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Deadlines of runs and `sla`s of tasks, in the order of their instants, those without one last. As in
        Airflow, those that a success met are not among them."""
        access = self.access(request, slug, "runs.read")
        asked = asked_of(DeadlineQuery, request)
        names = {"dag_id": "dag_run__dag_id", "dag_run_id": "dag_run__run_id"}
        with tenant_scope(access.tenant_id):
            rows = Deadline.objects.filter(**{names[k]: v for k, v in asked.items() if k in names})
            if asked["missed"] is not None:
                rows = rows.filter(missed_at__isnull=not asked["missed"])
            met = Q(missed_at__isnull=True, dag_run__state="success", dag_run__end_date__lte=F("due_at"))
            rows = rows.exclude(met)
            last = Coalesce("due_at", Value(_NEVER))
            page = page_of(request, rows.select_related("dag_run").annotate(last=last), "last", "id")
            found = [_deadline(row) for row in page.rows]
            return page.answer("deadlines", found, total_entries=rows.count())


def _deadline(row: Deadline) -> dict[str, Any]:
    return {
        "id": row.id,
        "deadline_time": row.due_at,
        "missed": row.missed_at is not None,
        "created_at": row.created_at,
        "dag_id": row.dag_run.dag_id,
        "dag_run_id": row.dag_run.run_id,
        "alert_name": row.name,
        "kind": row.kind,
        "task_id": row.task_id,
        "reference": row.reference,
        "missed_at": row.missed_at,
        "problem": row.problem,
    }


def _line(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"event": line.decode("utf-8", errors="replace")}
