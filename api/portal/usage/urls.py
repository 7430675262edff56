"""Paths of usage and budgets, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.usage.views import Budgets, OneBudget, Usage, UsageRows

urlpatterns = [
    path("tenants/<slug:slug>/usage", Usage.as_view()),
    path("tenants/<slug:slug>/usage/rows", UsageRows.as_view()),
    path("tenants/<slug:slug>/budgets", Budgets.as_view()),
    path("tenants/<slug:slug>/budgets/<uuid:budget_id>", OneBudget.as_view()),
]
