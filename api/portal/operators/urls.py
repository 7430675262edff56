"""Paths of the platform's operators, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.operators.views import (
    Entries,
    OneEntry,
    OperatedTenant,
    OperatedTenants,
    ResumeTenant,
    Suspend,
)

urlpatterns = [
    path("operators/tenants", OperatedTenants.as_view()),
    path("operators/tenants/<slug:slug>", OperatedTenant.as_view()),
    path("operators/tenants/<slug:slug>/suspend", Suspend.as_view()),
    path("operators/tenants/<slug:slug>/resume", ResumeTenant.as_view()),
    path("operators/entries", Entries.as_view()),
    path("operators/entries/<uuid:entry_id>", OneEntry.as_view()),
]
