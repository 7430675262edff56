"""GET and PUT /organisations/{id}/sign-in-policy."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.organisations.entry import OrganisationView
from api.portal.people.account_shapes import SignInPolicyBody, SignInPolicyShape, policy_shape
from api.portal.view import read
from tenants.sign_in_policy import policy_of_organisation, require_in_organisation


class OrganisationSignIn(OrganisationView):
    @extend_schema(responses={200: SignInPolicyShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """Whether people enter the organisation and its tenants only with a second factor, and how many have none."""
        self.organisation(request, organisation_id, "people.edit")
        return Response(policy_shape(policy_of_organisation(organisation_id=organisation_id)))

    @extend_schema(request=SignInPolicyBody, responses={200: SignInPolicyShape})
    def put(self, request: Request, organisation_id: UUID) -> Response:
        """Require it, or no more. From the next request on, who has none is led to set one up."""
        access = self.organisation(request, organisation_id, "sign_in.edit")
        require_in_organisation(
            organisation_id=organisation_id,
            user_id=access.user_id,
            wanted=read(SignInPolicyBody, request)["require_second_factor"],
            vouched=self.person(request).organisation_id is not None,
        )
        return Response(policy_shape(policy_of_organisation(organisation_id=organisation_id)))
