"""Which door answers which path."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("execution/", include("api.execution.urls")),
]
