"""GET /organisations/{id}/people; PATCH and DELETE of one of them."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.organisations.entry import OrganisationView
from api.portal.organisations.shapes import OrganisationPeopleShape, OrganisationRoleBody
from api.portal.pages import page_of
from api.portal.view import read
from tenants.members import remove_from_organisation
from tenants.organisations import change_organisation_role, people_of


class OrganisationPeople(OrganisationView):
    @extend_schema(responses={200: OrganisationPeopleShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """Everybody in it, by name."""
        self.organisation(request, organisation_id, "people.edit")
        page = page_of(request, people_of(organisation_id=organisation_id), "user__username")
        found = [{key.removeprefix("user__"): value for key, value in row.items()} for row in page.rows]
        return page.answer("people", found)


class OneOrganisationPerson(OrganisationView):
    @extend_schema(request=OrganisationRoleBody, responses={200: OrganisationRoleBody})
    def patch(self, request: Request, organisation_id: UUID, user_id: UUID) -> Response:
        """Another role in the organisation; roles in its tenants stay as they are."""
        access = self.organisation(request, organisation_id, "people.edit")
        role = read(OrganisationRoleBody, request)["role"]
        change_organisation_role(by=access, user_id=user_id, role=role)
        return Response({"role": role})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organisation_id: UUID, user_id: UUID) -> Response:
        """Out of the organisation and out of all its tenants. Everybody may leave by themselves."""
        access = self.organisation(request, organisation_id, "organisation.read")
        if user_id != access.user_id:
            access = self.organisation(request, organisation_id, "people.edit")
        remove_from_organisation(by=access, user_id=user_id)
        return Response(status=204)
