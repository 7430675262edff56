"""Paths of the tenant's bundles and deployments, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.bundles import bundle, bundles
from api.portal.deployments.views import Deployments, Diff, Mode, OneDeployment, RollBack

urlpatterns = [
    path("tenants/<slug:slug>/bundles", bundles, name="portal-bundles"),
    path("tenants/<slug:slug>/bundles/<uuid:bundle_id>", bundle, name="portal-bundle"),
    path("tenants/<slug:slug>/deployments", Deployments.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>", OneDeployment.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>/diff", Diff.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>/roll-back", RollBack.as_view()),
    path("tenants/<slug:slug>/deployment-mode", Mode.as_view()),
]
