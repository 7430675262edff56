"""GET, POST /tenants/{slug}/report-schedules; GET, PUT, DELETE one; POST …/run; GET /tenants/{slug}/reports and one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.pages import asked_of, page_of
from api.portal.reports.shapes import (
    ReportQuery,
    ReportScheduleBody,
    ReportScheduleShape,
    ReportSchedulesShape,
    ReportShape,
    ReportsShape,
    WholeReportShape,
)
from api.portal.view import PortalView, read
from api.problems import PortalNotFound
from controlplane.alerts.report import check_receivers, lines, send_report
from controlplane.alerts.rules import RuleInvalid
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.report import Report
from controlplane.ledger.models.report_schedule import ReportSchedule
from controlplane.maintenance import report_schedules, reports
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

_READ, _EDIT = "tenant.read", "alerts.edit"


@contextmanager
def named_fields() -> Iterator[None]:
    """What stations refuse, as this door says it."""
    try:
        yield
    except RuleInvalid as error:
        raise ValidationError({error.field: [str(error)]}) from error
    except report_schedules.ScheduleTaken as error:
        raise ValidationError({"name": [str(error)]}) from error
    except report_schedules.ScheduleUnknown as error:
        raise PortalNotFound(str(error)) from error


class Schedules(PortalView):
    @extend_schema(responses={200: ReportSchedulesShape})
    def get(self, request: Request, slug: str) -> Response:
        """Every scheduled report by name, with who asked for it."""
        access = self.access(request, slug, _READ)
        with tenant_scope(access.tenant_id):
            page = page_of(request, ReportSchedule.objects.all(), "name")
            return page.answer("report_schedules", [_schedule(row) for row in page.rows])

    @extend_schema(request=ReportScheduleBody, responses={201: ReportScheduleShape})
    def post(self, request: Request, slug: str) -> Response:
        """Ask for one. Its first report is of the week or month that goes on."""
        access = self.access(request, slug, _EDIT)
        given = read(ReportScheduleBody, request)
        with tenant_scope(access.tenant_id), named_fields():
            check_receivers(given["channels"])
            row = report_schedules.put(schedule=None, given=given, by=access.name, now=utc_now())
            target = f"report_schedule:{row.id}"
            record_change(action="report.schedule.created", target=target, after=_told(row))
            return Response(_schedule(row), status=201)


class OneSchedule(PortalView):
    @extend_schema(responses={200: ReportScheduleShape})
    def get(self, request: Request, slug: str, schedule_id: UUID) -> Response:
        """One scheduled report."""
        access = self.access(request, slug, _READ)
        with tenant_scope(access.tenant_id), named_fields():
            return Response(_schedule(report_schedules.find(schedule_id)))

    @extend_schema(request=ReportScheduleBody, responses={200: ReportScheduleShape})
    def put(self, request: Request, slug: str, schedule_id: UUID) -> Response:
        """Change it. What was made of it stays."""
        access = self.access(request, slug, _EDIT)
        given = read(ReportScheduleBody, request)
        with tenant_scope(access.tenant_id), named_fields():
            found = report_schedules.find(schedule_id)
            before = _told(found)
            check_receivers(given["channels"])
            row = report_schedules.put(schedule=found, given=given, by=access.name, now=utc_now())
            target = f"report_schedule:{schedule_id}"
            record_change(action="report.schedule.changed", target=target, before=before, after=_told(row))
            return Response(_schedule(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, schedule_id: UUID) -> Response:
        """Delete it with the reports that were made of it."""
        access = self.access(request, slug, _EDIT)
        with tenant_scope(access.tenant_id), named_fields():
            row = report_schedules.drop(schedule_id, now=utc_now())
            target = f"report_schedule:{schedule_id}"
            record_change(action="report.schedule.deleted", target=target, before=_told(row))
            return Response(status=204)


class RunSchedule(PortalView):
    @extend_schema(request=None, responses={201: WholeReportShape})
    def post(self, request: Request, slug: str, schedule_id: UUID) -> Response:
        """Make the report of the last whole week or month now (again, if there is one), and send it."""
        access = self.access(request, slug, _EDIT)
        with tenant_scope(access.tenant_id), named_fields():
            schedule = report_schedules.find(schedule_id)
            row = reports.make_now(schedule=schedule, now=utc_now(), send=send_report)
            record_change(action="report.made", target=f"report:{row.id}", after={"first": str(row.first)})
            return Response(_report(row), status=201)


class Reports(PortalView):
    @extend_schema(parameters=[ReportQuery], responses={200: ReportsShape})
    def get(self, request: Request, slug: str) -> Response:
        """What was made, newest first."""
        access = self.access(request, slug, _READ)
        asked = asked_of(ReportQuery, request)
        with tenant_scope(access.tenant_id):
            page = page_of(request, Report.objects.filter(**asked), "-id")
            shown = [{name: getattr(row, name) for name in ReportShape().fields} for row in page.rows]
            return page.answer("reports", shown)


class OneReport(PortalView):
    @extend_schema(responses={200: WholeReportShape})
    def get(self, request: Request, slug: str, report_id: UUID) -> Response:
        """One report with its figures."""
        access = self.access(request, slug, _READ)
        with tenant_scope(access.tenant_id):
            row = Report.objects.filter(id=report_id).first()
        if row is None:
            raise PortalNotFound(f"this tenant has no report {report_id}")
        return Response(_report(row))


def _schedule(row: ReportSchedule) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ReportScheduleShape().fields}


def _report(row: Report) -> dict[str, Any]:
    own = {name: getattr(row, name) for name in ReportShape().fields}
    return {**own, "figures": row.figures, "lines": lines(row.figures)}


def _told(row: ReportSchedule) -> dict[str, Any]:
    """As an audit row keeps it."""
    return {name: getattr(row, name) for name in ("name", "period", "is_enabled", "objective", "channels")}
