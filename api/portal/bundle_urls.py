"""Paths of the tenant's bundles, deployments, Git remote, previews and Airflow, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.bundles import Bundles, OneBundle
from api.portal.deployments.views import Deployments, Diff, Mode, OneDeployment, RollBack
from api.portal.previews.views import OnePreview, Previews, Promote
from api.portal.remotes.views import Look, Remote, StatusesTold, WebhookSecret
from api.portal.upgrades.views import Airflow, UpgradePreview, UpgradePreviews

urlpatterns = [
    path("tenants/<slug:slug>/bundles", Bundles.as_view(), name="portal-bundles"),
    path("tenants/<slug:slug>/bundles/<uuid:bundle_id>", OneBundle.as_view(), name="portal-bundle"),
    path("tenants/<slug:slug>/deployments", Deployments.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>", OneDeployment.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>/diff", Diff.as_view()),
    path("tenants/<slug:slug>/deployments/<int:number>/roll-back", RollBack.as_view()),
    path("tenants/<slug:slug>/deployment-mode", Mode.as_view()),
    path("tenants/<slug:slug>/remote", Remote.as_view()),
    path("tenants/<slug:slug>/remote/look", Look.as_view()),
    path("tenants/<slug:slug>/remote/webhook-secret", WebhookSecret.as_view()),
    path("tenants/<slug:slug>/remote/statuses", StatusesTold.as_view()),
    path("tenants/<slug:slug>/previews", Previews.as_view()),
    path("tenants/<slug:slug>/previews/<uuid:preview_id>", OnePreview.as_view()),
    path("tenants/<slug:slug>/previews/<uuid:preview_id>/promote", Promote.as_view()),
    path("tenants/<slug:slug>/airflow", Airflow.as_view()),
    path("tenants/<slug:slug>/upgrade-previews", UpgradePreviews.as_view()),
    path("tenants/<slug:slug>/upgrade-previews/<uuid:bundle_id>", UpgradePreview.as_view()),
]
