"""Which door answers which path."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("api.hooks.urls")),
    path("api/portal/v1/", include("api.portal.urls")),
    path("execution/", include("api.execution.urls")),
    path("t/<str:slug>/", include("api.v2.urls")),
]
