"""GET /tenants/{slug}/usage, …/usage/rows; GET, PUT /tenants/{slug}/budgets; DELETE …/budgets/{id}."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import page_of
from api.portal.usage.shapes import (
    BudgetBody,
    BudgetShape,
    BudgetsShape,
    BurnShape,
    ExportQuery,
    MonthQuery,
    UsageShape,
)
from api.portal.view import PortalView
from api.problems import PortalNotFound
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.budget import Budget
from controlplane.ledger.models.budget_burn import BudgetBurn
from controlplane.maintenance.usage_read import EXPORTED, export_rows, usage
from tenants.audit.record import record_change
from tenants.limits.read import read_quota
from tenants.scope import tenant_scope

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_BUDGET = ("id", "dag_id", "amount_micros", "thresholds", "changed_at", "changed_by")
_BURN = tuple(BurnShape().fields)


class Usage(PortalView):
    @extend_schema(parameters=[MonthQuery], responses={200: UsageShape})
    def get(self, request: Request, slug: str) -> Response:
        """A month's usage and cost per DAG, task or day; always that of the rows, whenever they are counted."""
        access = self.access(request, slug, "tenant.read")
        asked = MonthQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query: dict[str, Any] = asked.validated_data
        first, last = _month(query.get("month"))
        with tenant_scope(access.tenant_id):
            plan = read_quota().plan
            span = {
                "first": first,
                "last": last,
                "prices": plan.prices if plan else {},
                "dag_id": query.get("dag_id"),
            }
            rows = usage(by=query["by"], **span)
            total = usage(by="total", **span)
        return Response(
            {
                "month": f"{first:%Y-%m}",
                "currency": plan.currency if plan else None,
                "prices": plan.prices if plan else {},
                "total": asdict(total[0]) if total else None,
                "usage": [asdict(row) for row in rows],
            }
        )


class UsageRows(PortalView):
    @extend_schema(
        parameters=[ExportQuery], responses={(200, "text/csv"): str, (200, "application/x-ndjson"): str}
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        """The rows that usage is made of, as CSV or a JSON object a line; `X-Next-After` names the next page."""
        access = self.access(request, slug, "tenant.read")
        asked = ExportQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        query: dict[str, Any] = asked.validated_data
        first, last = _month(query.get("month"))
        with tenant_scope(access.tenant_id):
            rows = export_rows(first=first, last=last, after=query.get("after"), limit=query["limit"])
        is_csv = query["format"] == "csv"
        answer = HttpResponse(
            _csv(rows) if is_csv else "".join(json.dumps(row, default=str) + "\n" for row in rows),
            content_type="text/csv; charset=utf-8" if is_csv else "application/x-ndjson",
        )
        answer["Content-Disposition"] = f'attachment; filename="usage-{slug}-{first:%Y-%m}.{query["format"]}"'
        if len(rows) == query["limit"]:
            answer["X-Next-After"] = str(rows[-1]["id"])
        return answer

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """`format` says what the rows are written as; it is no renderer's."""
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type


class Budgets(PortalView):
    @extend_schema(responses={200: BudgetsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Budgets by DAG, the whole tenant's first, with the thresholds that they passed, newest first."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, Budget.objects.all(), "dag_id")
            return page.answer("budgets", _shapes(page.rows))

    @extend_schema(request=BudgetBody, responses={200: BudgetShape})
    def put(self, request: Request, slug: str) -> Response:
        """Set the budget of the whole tenant, or of one DAG."""
        access = self.access(request, slug, "tenant.edit")
        given = BudgetBody(data=request.data)
        given.is_valid(raise_exception=True)
        body: dict[str, Any] = given.validated_data
        values = {
            "amount_micros": body["amount_micros"],
            "thresholds": sorted(set(body["thresholds"])),
            "changed_at": utc_now(),
            "changed_by": access.name,
        }
        with tenant_scope(access.tenant_id):
            before = (
                Budget.objects.filter(dag_id=body["dag_id"]).values("amount_micros", "thresholds").first()
            )
            row, _ = Budget.objects.update_or_create(
                dag_id=body["dag_id"],
                defaults=values,
                create_defaults={**values, "tenant_id": access.tenant_id},
            )
            after = {"amount_micros": row.amount_micros, "thresholds": row.thresholds}
            record_change(action="budget.changed", target=f"budget:{row.id}", before=before, after=after)
            [shape] = _shapes([row])
        return Response(shape)


class OneBudget(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, budget_id: UUID) -> Response:
        """What it passed stays."""
        access = self.access(request, slug, "tenant.edit")
        with tenant_scope(access.tenant_id):
            rows = Budget.objects.filter(id=budget_id)
            before = rows.values("dag_id", "amount_micros", "thresholds").first()
            if before is None:
                raise PortalNotFound(f"this tenant has no budget {budget_id}")
            rows.delete()
            record_change(action="budget.deleted", target=f"budget:{budget_id}", before=before)
        return Response(status=204)


def _month(text: str | None) -> tuple[date, date]:
    """Its first day and the next month's; the present one when none is named."""
    first = date.fromisoformat(f"{text}-01") if text else utc_now().date().replace(day=1)
    return first, date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _csv(rows: list[dict[str, Any]]) -> str:
    """Names come from tenants' code: what a spreadsheet would run begins with an apostrophe (OWASP, CSV injection)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(EXPORTED)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in EXPORTED])
    return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _shapes(rows: list[Budget]) -> list[dict[str, Any]]:
    burns: defaultdict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for burn in BudgetBurn.objects.filter(budget_id__in=[row.id for row in rows]).order_by("-id"):
        burns[burn.budget_id].append({name: getattr(burn, name) for name in _BURN})
    return [{**{name: getattr(row, name) for name in _BUDGET}, "burns": burns[row.id]} for row in rows]
