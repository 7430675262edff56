"""/sso/{id}/saml: our description for a SAML provider (GET), and where browsers bring its responses (POST)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser
from rest_framework.request import Request

from api.portal.view import PortalView, read
from tenants.sso.providers import ProviderUnknown, active_provider
from tenants.sso.sign_on import keep_answer

MEDIA_TYPE = "application/samlmetadata+xml"


class SamlAnswerBody(serializers.Serializer[None]):
    SAMLResponse = serializers.CharField()
    RelayState = serializers.CharField(max_length=200)


class SamlService(PortalView):
    parser_classes = (FormParser,)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Neither answer is JSON, whatever a provider or a browser would like to have."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(responses={(200, MEDIA_TYPE): OpenApiTypes.STR})
    def get(self, request: Request, provider_id: UUID) -> HttpResponse:
        """What is registered with the provider, as its own kind of file."""
        from tenants.sso.saml import describe_service  # reads XML: loaded where there is some

        provider = active_provider(provider_id)
        if provider.kind != "saml":
            raise ProviderUnknown("there is no such identity provider")
        return HttpResponse(describe_service(provider), content_type=MEDIA_TYPE)

    @extend_schema(
        request={"application/x-www-form-urlencoded": SamlAnswerBody},
        responses={303: OpenApiResponse(description="To the page that finishes the sign-in, with a code")},
    )
    def post(self, request: Request, provider_id: UUID) -> HttpResponse:
        """The form that a provider has the browser post. It is judged at `sso/finish`, in the browser that began."""
        body = read(SamlAnswerBody, request)
        address = keep_answer(
            provider_id=provider_id, state=body["RelayState"], response=body["SAMLResponse"]
        )
        return HttpResponse(status=303, headers={"Location": address, "Cache-Control": "no-store"})
