"""Paths of scheduled reports, below `/api/portal/v1/tenants/{slug}/`."""

from __future__ import annotations

from django.urls import path

from api.portal.reports.views import OneReport, OneSchedule, Reports, RunSchedule, Schedules

urlpatterns = [
    path("report-schedules", Schedules.as_view()),
    path("report-schedules/<uuid:schedule_id>", OneSchedule.as_view()),
    path("report-schedules/<uuid:schedule_id>/run", RunSchedule.as_view()),
    path("reports", Reports.as_view()),
    path("reports/<uuid:report_id>", OneReport.as_view()),
]
