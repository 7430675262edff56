"""Paths of organisations, below `/api/portal/v1/organisations`."""

from __future__ import annotations

from django.urls import path

from api.portal.organisations.people import OneOrganisationPerson, OrganisationPeople
from api.portal.organisations.sign_in import OrganisationSignIn
from api.portal.organisations.views import Join, OneOrganisation, Organisations, OwnedTenants

urlpatterns = [
    path("", Organisations.as_view()),
    path("/<uuid:organisation_id>", OneOrganisation.as_view()),
    path("/<uuid:organisation_id>/sign-in-policy", OrganisationSignIn.as_view()),
    path("/<uuid:organisation_id>/tenants", OwnedTenants.as_view()),
    path("/<uuid:organisation_id>/tenants/<slug:slug>/join", Join.as_view()),
    path("/<uuid:organisation_id>/people", OrganisationPeople.as_view()),
    path("/<uuid:organisation_id>/people/<uuid:user_id>", OneOrganisationPerson.as_view()),
]
