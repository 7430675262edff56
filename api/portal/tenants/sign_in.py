"""GET and PUT /tenants/{slug}/sign-in-policy."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.people.account_shapes import SignInPolicyBody, SignInPolicyShape, policy_shape
from api.portal.view import PortalView, read
from tenants.sign_in_policy import policy_of_tenant, require_in_tenant


class TenantSignIn(PortalView):
    @extend_schema(responses={200: SignInPolicyShape})
    def get(self, request: Request, slug: str) -> Response:
        """Whether members enter only with a second factor, and how many have none."""
        access = self.access(request, slug, "members.edit")
        return Response(policy_shape(policy_of_tenant(tenant_id=access.tenant_id)))

    @extend_schema(request=SignInPolicyBody, responses={200: SignInPolicyShape})
    def put(self, request: Request, slug: str) -> Response:
        """Require it, or no more. From the next request on, who has none is led to set one up."""
        access = self.access(request, slug, "sign_in.edit")
        wanted = read(SignInPolicyBody, request)["require_second_factor"]
        caller = self.caller(request)
        vouched = caller.organisation_id is not None or caller.machine is not None
        require_in_tenant(by=access, wanted=wanted, vouched=vouched)
        return Response(policy_shape(policy_of_tenant(tenant_id=access.tenant_id)))
