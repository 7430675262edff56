"""Paths of single sign-on, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.sso.saml import SamlService
from api.portal.sso.views import Begin, Choices, Finish, OneProvider, Providers

urlpatterns = [
    path("organisations/<uuid:organisation_id>/identity-providers", Providers.as_view()),
    path("organisations/<uuid:organisation_id>/identity-providers/<uuid:provider_id>", OneProvider.as_view()),
    path("sso/providers", Choices.as_view()),
    path("sso/finish", Finish.as_view()),
    path("sso/<uuid:provider_id>/begin", Begin.as_view()),
    path("sso/<uuid:provider_id>/saml", SamlService.as_view()),
]
