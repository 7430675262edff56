"""Paths of SCIM, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.scim.discovery import ResourceTypes, Schemas
from api.portal.scim.views import Groups, OneGroup, OneUser, ScimToken, ServiceProviderConfig, Users

urlpatterns = [
    path(
        "organisations/<uuid:organisation_id>/identity-providers/<uuid:provider_id>/scim-token",
        ScimToken.as_view(),
    ),
    path("scim/v2/ServiceProviderConfig", ServiceProviderConfig.as_view()),
    path("scim/v2/ResourceTypes", ResourceTypes.as_view()),
    path("scim/v2/Schemas", Schemas.as_view()),
    path("scim/v2/Users", Users.as_view()),
    path("scim/v2/Users/<uuid:person_id>", OneUser.as_view()),
    path("scim/v2/Groups", Groups.as_view()),
    path("scim/v2/Groups/<uuid:group_id>", OneGroup.as_view()),
]
