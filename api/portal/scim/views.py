"""/scim/v2/Users, /scim/v2/Groups, /scim/v2/ServiceProviderConfig; the token that opens them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.organisations.entry import OrganisationView
from api.portal.scim.frame import ScimView
from api.portal.scim.patches import group_patch, member_ids, person_fields, person_patch
from controlplane.foundation.clock import utc_now
from tenants.models.person_identity import PersonIdentity
from tenants.models.provisioned_group import ProvisionedGroup
from tenants.sso import provision
from tenants.sso.providers import find_provider
from tenants.sso.scim_filter import read_filter

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_LISTED = [
    OpenApiParameter("filter", str),
    OpenApiParameter("startIndex", int),
    OpenApiParameter("count", int),
]
_ANY = OpenApiTypes.OBJECT


class ScimTokenShape(serializers.Serializer[None]):
    token = serializers.CharField(help_text="Shown once")
    address = serializers.CharField(help_text="What the provider calls the base URL")


class ScimToken(OrganisationView):
    @extend_schema(request=None, responses={201: ScimTokenShape})
    def post(self, request: Request, organisation_id: UUID, provider_id: UUID) -> Response:
        """A new token for the provider's SCIM client; the one before opens nothing any more."""
        self.organisation(request, organisation_id, "sign_in.edit")
        row = find_provider(organisation_id=organisation_id, provider_id=provider_id)
        return Response({"token": provision.give_token(provider=row), "address": _base()}, status=201)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, organisation_id: UUID, provider_id: UUID) -> Response:
        """The provider provisions nobody from now on; who is there stays."""
        self.organisation(request, organisation_id, "sign_in.edit")
        provision.take_token(provider=find_provider(organisation_id=organisation_id, provider_id=provider_id))
        return Response(status=204)


class Users(ScimView):
    @extend_schema(parameters=_LISTED, responses={200: _ANY})
    def get(self, request: Request) -> Response:
        """The provider's people."""
        known = frozenset({"username", "externalid", "id", "active"})
        text = request.query_params.get("filter", "")
        wanted = read_filter(text, known=known) if text else {}
        return self.listed(request, provision.people(provider=self.provider(request), wanted=wanted), _user)

    @extend_schema(request=_ANY, responses={201: _ANY})
    def post(self, request: Request) -> Response:
        """An account, known by its `externalId`: what the provider sends as `sub`."""
        provider = self.provider(request)
        fields = person_fields(self.body(request))
        row = provision.add_person(provider=provider, fields=fields, now=utc_now())
        return Response(_user(row), status=201, headers={"Location": f"{_base()}/Users/{row.id}"})


class OneUser(ScimView):
    @extend_schema(responses={200: _ANY})
    def get(self, request: Request, person_id: UUID) -> Response:
        """One person."""
        return Response(_user(provision.find_person(provider=self.provider(request), person_id=person_id)))

    @extend_schema(request=_ANY, responses={200: _ANY})
    def put(self, request: Request, person_id: UUID) -> Response:
        """All attributes anew."""
        return self._change(request, person_id, person_fields(self.body(request)))

    @extend_schema(request=_ANY, responses={200: _ANY})
    def patch(self, request: Request, person_id: UUID) -> Response:
        """Some attributes; `active: false` ends their sessions and tokens at once."""
        return self._change(request, person_id, person_patch(self.body(request)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, person_id: UUID) -> Response:
        """Out of the organisation and all its tenants, and switched off."""
        provision.remove_person(provider=self.provider(request), person_id=person_id, now=utc_now())
        return Response(status=204)

    def _change(self, request: Request, person_id: UUID, fields: dict[str, Any]) -> Response:
        row = provision.change_person(
            provider=self.provider(request), person_id=person_id, fields=fields, now=utc_now()
        )
        return Response(_user(row))


class Groups(ScimView):
    @extend_schema(parameters=_LISTED, responses={200: _ANY})
    def get(self, request: Request) -> Response:
        """The provider's groups."""
        text = request.query_params.get("filter", "")
        wanted = read_filter(text, known=frozenset({"displayname", "externalid", "id"})) if text else {}
        return self.listed(request, provision.groups(provider=self.provider(request), wanted=wanted), _group)

    @extend_schema(request=_ANY, responses={201: _ANY})
    def post(self, request: Request) -> Response:
        """A group; the role map of the identity provider says what it gives."""
        provider, body = self.provider(request), self.body(request)
        row = provision.add_group(
            provider=provider,
            name=str(body.get("displayName") or ""),
            external_id=str(body.get("externalId") or ""),
            members=member_ids(body.get("members") or []),
            now=utc_now(),
        )
        return Response(_group(row), status=201, headers={"Location": f"{_base()}/Groups/{row.id}"})


class OneGroup(ScimView):
    @extend_schema(responses={200: _ANY})
    def get(self, request: Request, group_id: UUID) -> Response:
        """One group with its members."""
        return Response(_group(provision.find_group(provider=self.provider(request), group_id=group_id)))

    @extend_schema(request=_ANY, responses={200: _ANY})
    def put(self, request: Request, group_id: UUID) -> Response:
        """Its name and its members anew."""
        provider, body = self.provider(request), self.body(request)
        row = provision.change_group(
            provider=provider,
            group_id=group_id,
            name=str(body.get("displayName") or ""),
            exactly=member_ids(body.get("members") or []),
        )
        return Response(_group(row))

    @extend_schema(request=_ANY, responses={200: _ANY})
    def patch(self, request: Request, group_id: UUID) -> Response:
        """Its name, or some members. The roles follow at once."""
        provider, change = self.provider(request), group_patch(self.body(request))
        exactly = change.exactly
        if exactly is not None:
            exactly = [each for each in [*exactly, *change.add] if each not in change.remove]
        row = provision.change_group(
            provider=provider,
            group_id=group_id,
            name=change.name,
            add=change.add,
            remove=change.remove,
            exactly=exactly,
        )
        return Response(_group(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, group_id: UUID) -> Response:
        """The roles that it gave are gone."""
        provision.remove_group(provider=self.provider(request), group_id=group_id)
        return Response(status=204)


class ServiceProviderConfig(ScimView):
    @extend_schema(responses={200: _ANY})
    def get(self, request: Request) -> Response:
        """What of SCIM is spoken here (RFC 7643, 5)."""
        self.provider(request)
        off = {"supported": False}
        return Response(
            {
                "schemas": [CONFIG],
                "patch": {"supported": True},
                "bulk": {**off, "maxOperations": 0, "maxPayloadSize": 0},
                "filter": {"supported": True, "maxResults": 200},
                "changePassword": off,
                "sort": off,
                "etag": off,
                "authenticationSchemes": [
                    {"type": "oauthbearertoken", "name": "Bearer", "description": "The provider's token"}
                ],
            }
        )


def _base() -> str:
    return f"{settings.BASE_URL.rstrip('/')}/api/portal/v1/scim/v2"


def _user(row: PersonIdentity) -> dict[str, Any]:
    user = row.user
    return {
        "schemas": [USER],
        "id": str(row.id),
        "externalId": row.external_id,
        "userName": row.user_name or row.subject,
        "name": {"formatted": user.full_name},
        "displayName": user.full_name,
        "emails": [{"value": user.email, "primary": True}] if user.email else [],
        "active": user.is_active,
        "groups": [{"display": name} for name in row.groups],
        "meta": {"resourceType": "User", "location": f"{_base()}/Users/{row.id}"},
    }


def _group(row: ProvisionedGroup) -> dict[str, Any]:
    members = provision.members_of_group(row)
    return {
        "schemas": [GROUP],
        "id": str(row.id),
        "externalId": row.external_id,
        "displayName": row.name,
        "members": [{"value": str(member.id)} for member in members],
        "meta": {"resourceType": "Group", "location": f"{_base()}/Groups/{row.id}"},
    }
