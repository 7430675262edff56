"""Paths of periodic work, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.periodic.views import Jobs, OneJob, RunJob

urlpatterns = [
    path("operators/periodic-jobs", Jobs.as_view()),
    path("operators/periodic-jobs/<str:name>", OneJob.as_view()),
    path("operators/periodic-jobs/<str:name>/run", RunJob.as_view()),
]
