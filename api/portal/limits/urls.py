"""Paths of limits and plans, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.limits.operators import OnePlan, Plans, TenantPlan
from api.portal.limits.organisations import OrganisationGiven, OrganisationPlan
from api.portal.limits.views import PoolPace, TenantLimits

urlpatterns = [
    path("tenants/<slug:slug>/limits", TenantLimits.as_view()),
    path("tenants/<slug:slug>/pools/<path:name>/pace", PoolPace.as_view()),
    path("operators/plans", Plans.as_view()),
    path("operators/plans/<slug:name>", OnePlan.as_view()),
    path("operators/tenants/<slug:slug>/quota", TenantPlan.as_view()),
    path("operators/organisations/<uuid:organisation_id>/quota", OrganisationGiven.as_view()),
    path("organisations/<uuid:organisation_id>/plan", OrganisationPlan.as_view()),
]
