"""Paths of the portal's API, below `/api/portal/v1/`, and its OpenAPI document at `schema`."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from api.portal.alerts.views import CallbackLog, Callbacks, Deadlines
from api.portal.backfills.views import Backfills, OneBackfill, Preview
from api.portal.dags.views import DueRuns, OneDag, Resume
from api.portal.findings.views import Findings
from api.portal.questions.views import Answer, Questions
from api.portal.retention.views import TenantRetention
from api.portal.schema import PortalGenerator
from api.portal.secrets.views import SecretChain, SecretChainCheck
from api.portal.tenants.one import Deletion, OneTenant
from api.portal.tenants.settings import TenantSettings
from api.portal.tenants.sign_in import TenantSignIn
from api.portal.tenants.views import OneRuntime, Runtimes
from api.portal.waits.views import Waits

urlpatterns = [
    path("", include("api.portal.people.urls")),
    path("organisations", include("api.portal.organisations.urls")),
    path("", include("api.portal.sso.urls")),
    path("", include("api.portal.scim.urls")),
    path("tenants/<slug:slug>", OneTenant.as_view()),
    path("tenants/<slug:slug>/sign-in-policy", TenantSignIn.as_view()),
    path("tenants/<slug:slug>/deletion", Deletion.as_view()),
    path("tenants/<slug:slug>/settings", TenantSettings.as_view()),
    path("", include("api.portal.access.urls")),
    path("", include("api.portal.operators.urls")),
    path("tenants/<slug:slug>/runtimes", Runtimes.as_view()),
    path("tenants/<slug:slug>/runtimes/<uuid:runtime_id>", OneRuntime.as_view()),
    path("tenants/<slug:slug>/secret-chain", SecretChain.as_view()),
    path("tenants/<slug:slug>/secret-chain/check", SecretChainCheck.as_view()),
    path("tenants/<slug:slug>/callbacks", Callbacks.as_view()),
    path("tenants/<slug:slug>/callbacks/<uuid:callback_id>/log", CallbackLog.as_view()),
    path("tenants/<slug:slug>/", include("api.portal.alerts.urls")),
    path("tenants/<slug:slug>/", include("api.portal.reports.urls")),
    path("tenants/<slug:slug>/", include("api.portal.exports.urls")),
    path("", include("api.portal.periodic.urls")),
    path("tenants/<slug:slug>/retention", TenantRetention.as_view()),
    path("tenants/<slug:slug>/deadlines", Deadlines.as_view()),
    path("tenants/<slug:slug>/findings", Findings.as_view()),
    path("tenants/<slug:slug>/backfills", Backfills.as_view()),
    path("tenants/<slug:slug>/backfills/preview", Preview.as_view()),
    path("tenants/<slug:slug>/backfills/<int:number>", OneBackfill.as_view()),
    path("tenants/<slug:slug>/dags/<str:dag_id>", OneDag.as_view()),
    path("tenants/<slug:slug>/dags/<str:dag_id>/due-runs", DueRuns.as_view()),
    path("tenants/<slug:slug>/dags/<str:dag_id>/resume", Resume.as_view()),
    path("tenants/<slug:slug>/task-instances/<uuid:task_instance_id>/waits", Waits.as_view()),
    path("tenants/<slug:slug>/questions", Questions.as_view()),
    path("tenants/<slug:slug>/questions/<uuid:task_instance_id>/answer", Answer.as_view()),
    path("", include("api.portal.limits.urls")),
    path("", include("api.portal.usage.urls")),
    path("", include("api.portal.audit.urls")),
    path("", include("api.portal.bundle_urls")),
    path(
        "schema",
        SpectacularAPIView.as_view(
            urlconf="api.portal.urls",
            generator_class=PortalGenerator,
            custom_settings={"SCHEMA_PATH_PREFIX_INSERT": "/api/portal/v1"},
            authentication_classes=(),
            permission_classes=(),
        ),
    ),
]
