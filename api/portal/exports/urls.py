"""Paths of exports, below `/api/portal/v1/tenants/<slug>/`."""

from __future__ import annotations

from django.urls import path

from api.portal.exports.views import ExportContent, Exports, OneExport

urlpatterns = [
    path("exports", Exports.as_view()),
    path("exports/<uuid:export_id>", OneExport.as_view()),
    path("exports/<uuid:export_id>/content", ExportContent.as_view()),
]
