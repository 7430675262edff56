"""Paths of the tenant's bundles, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.bundles import bundle, bundles

urlpatterns = [
    path("tenants/<slug:slug>/bundles", bundles, name="portal-bundles"),
    path("tenants/<slug:slug>/bundles/<uuid:bundle_id>", bundle, name="portal-bundle"),
]
