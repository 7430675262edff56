"""/scim/v2/ResourceTypes and /scim/v2/Schemas: what there is, for clients that look before they speak (RFC 7644, 4)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.scim.frame import LIST, ScimView

_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"
_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_CORE = "urn:ietf:params:scim:schemas:core:2.0"


def _attribute(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    plain = {
        "name": name,
        "type": kind,
        "multiValued": False,
        "required": False,
        "caseExact": False,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
    }
    return plain | more


_VALUE = _attribute("value")
TYPES = [
    {"schemas": [_TYPE], "id": name, "name": name, "endpoint": f"/{name}s", "schema": f"{_CORE}:{name}"}
    for name in ("User", "Group")
]
SCHEMAS = [
    {
        "schemas": [_SCHEMA],
        "id": f"{_CORE}:User",
        "name": "User",
        "attributes": [
            _attribute("userName", required=True, uniqueness="server"),
            _attribute("name", "complex", subAttributes=[_attribute("formatted")]),
            _attribute("displayName"),
            _attribute(
                "emails",
                "complex",
                multiValued=True,
                subAttributes=[_VALUE, _attribute("primary", "boolean")],
            ),
            _attribute("active", "boolean"),
            _attribute(
                "groups",
                "complex",
                multiValued=True,
                mutability="readOnly",
                subAttributes=[_attribute("display", mutability="readOnly")],
            ),
        ],
    },
    {
        "schemas": [_SCHEMA],
        "id": f"{_CORE}:Group",
        "name": "Group",
        "attributes": [
            _attribute("displayName", required=True, uniqueness="server", caseExact=True),
            _attribute("members", "complex", multiValued=True, subAttributes=[_VALUE]),
        ],
    },
]


class ResourceTypes(ScimView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Users and groups."""
        return _listed(TYPES)


class Schemas(ScimView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Their attributes, as far as they are kept."""
        return _listed(SCHEMAS)


def _listed(rows: list[dict[str, Any]]) -> Response:
    found = {"schemas": [LIST], "totalResults": len(rows), "startIndex": 1, "itemsPerPage": len(rows)}
    return Response({**found, "Resources": rows})
