"""Paths of the audit chains, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.audit.streams import OneStream, Streams
from api.portal.audit.views import Audit, Export, OrganisationAudit, PlatformAudit

urlpatterns = [
    path("tenants/<slug:slug>/audit", Audit.as_view()),
    path("tenants/<slug:slug>/audit/export", Export.as_view()),
    path("tenants/<slug:slug>/audit/streams", Streams.as_view()),
    path("tenants/<slug:slug>/audit/streams/<uuid:stream_id>", OneStream.as_view()),
    path("organisations/<uuid:organisation_id>/audit", OrganisationAudit.as_view()),
    path("operators/audit", PlatformAudit.as_view()),
]
