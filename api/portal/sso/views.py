"""/organisations/{id}/identity-providers; GET /sso/providers; POST /sso/{id}/begin and /sso/finish."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.organisations.entry import OrganisationView
from api.portal.pages import asked_of, page_of
from api.portal.people.shapes import SignedInShape
from api.portal.people.tokens import signed_in_token
from api.portal.people.views import me_shape
from api.portal.sso.shapes import (
    BegunShape,
    ChoicesQuery,
    ChoicesShape,
    FinishBody,
    ProviderBody,
    ProviderChanges,
    ProviderShape,
    ProvidersShape,
)
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.models.identity_provider import IdentityProvider
from tenants.sso.addresses import registered_address
from tenants.sso.provider_fields import certificates_of
from tenants.sso.providers import (
    add_provider,
    change_provider,
    providers_for,
    providers_of,
    remove_provider,
)
from tenants.sso.sign_on import begin, finish
from tenants.throttle import count_attempt

MOST_BEGUN = 100
"""Sign-ins that one address begins in a quarter of an hour: each asks the provider."""


class Providers(OrganisationView):
    @extend_schema(responses={200: ProvidersShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """Oldest first, without their secrets."""
        self.organisation(request, organisation_id, "sign_in.edit")
        page = page_of(request, providers_of(organisation_id=organisation_id), "id")
        return page.answer("identity_providers", [_shape(row) for row in page.rows])

    @extend_schema(request=ProviderBody, responses={201: ProviderShape})
    def post(self, request: Request, organisation_id: UUID) -> Response:
        """Set one up. It is asked for the first time when somebody signs in through it."""
        self.organisation(request, organisation_id, "sign_in.edit")
        fields = read(ProviderBody, request)
        row = add_provider(organisation_id=organisation_id, fields=fields, now=utc_now())
        return Response(_shape(row), status=201)


class OneProvider(OrganisationView):
    @extend_schema(request=ProviderChanges, responses={200: ProviderShape})
    def patch(self, request: Request, organisation_id: UUID, provider_id: UUID) -> Response:
        """Whatever is given. Switched off, it signs nobody in, and its sign-ins end."""
        self.organisation(request, organisation_id, "sign_in.edit")
        fields = read(ProviderChanges, request)
        row = change_provider(
            organisation_id=organisation_id, provider_id=provider_id, fields=fields, now=utc_now()
        )
        return Response(_shape(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organisation_id: UUID, provider_id: UUID) -> Response:
        """Remove it: its sign-ins end, and the roles that its groups gave are gone."""
        self.organisation(request, organisation_id, "sign_in.edit")
        remove_provider(organisation_id=organisation_id, provider_id=provider_id, now=utc_now())
        return Response(status=204)


class Choices(PortalView):
    @extend_schema(parameters=[ChoicesQuery], responses={200: ChoicesShape})
    def get(self, request: Request) -> Response:
        """Where the people of a tenant may sign in: nothing where there is no such tenant."""
        asked = asked_of(ChoicesQuery, request)
        page = page_of(request, providers_for(slug=asked["tenant"]), "name", "id")
        return page.answer("identity_providers", [{"id": row.id, "name": row.name} for row in page.rows])


class Begin(PortalView):
    @extend_schema(request=None, responses={200: BegunShape})
    def post(self, request: Request, provider_id: UUID) -> Response:
        """Where the browser goes to sign in, and what it keeps."""
        address = str(request.META.get("REMOTE_ADDR", ""))
        count_attempt(purpose="sign-in", kind="sso", parts=(address,), most=MOST_BEGUN)
        begun = begin(provider_id=provider_id)
        return Response({"address": begun.address, "state": begun.state, "binding": begun.binding})


class Finish(PortalView):
    @extend_schema(request=FinishBody, responses={200: SignedInShape})
    def post(self, request: Request) -> Response:
        """With what the provider gave the browser. The token is good in the provider's organisation alone."""
        body, now = read(FinishBody, request), utc_now()
        user, provider = finish(state=body["state"], code=body["code"], binding=body["binding"], now=now)
        token = signed_in_token(request, user, method=f"{provider.name}"[:40], now=now, provider=provider)
        me = me_shape(user, organisation_id=provider.organisation_id)
        return Response({"access_token": token, **me})


def _shape(row: IdentityProvider) -> dict[str, Any]:
    names = ("id", "kind", "name", "issuer", "groups_claim", "role_map", "is_active")
    return {
        **{name: getattr(row, name) for name in names},
        "client_id": row.config.get("client_id", ""),
        "has_client_secret": row.sealed is not None,
        "certificates": certificates_of(row),
        "callback": registered_address(row),
    }
