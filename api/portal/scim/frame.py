"""The frame of SCIM's operations: the provider's token, SCIM's media type, lists and errors (RFC 7644)."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.json_answers import json_answer
from tenants.models.identity_provider import IdentityProvider
from tenants.sso.provision import (
    ProvisionedInvalid,
    ProvisionedTaken,
    ProvisionedUnknown,
    ProvisionTokenInvalid,
    provider_of,
)
from tenants.sso.scim_filter import FilterInvalid

MEDIA_TYPE = "application/scim+json"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
MOST_AT_ONCE = 200
ALWAYS = ("schemas", "id")


class ScimMalformed(ValueError):
    """The body is not what SCIM describes."""


class ScimJson(JSONRenderer):
    media_type = MEDIA_TYPE


class ScimParser(JSONParser):
    media_type = MEDIA_TYPE


_ERRORS: dict[type[Exception], tuple[int, str]] = {
    ProvisionTokenInvalid: (401, ""),
    ProvisionedUnknown: (404, ""),
    ProvisionedTaken: (409, "uniqueness"),
    ProvisionedInvalid: (400, "invalidValue"),
    FilterInvalid: (400, "invalidFilter"),
    ScimMalformed: (400, "invalidSyntax"),
}


class ScimView(APIView):
    """JSON in, JSON out; errors are SCIM's."""

    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (ScimJson, JSONRenderer)
    parser_classes = (ScimParser, JSONParser)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Before anything else is looked at: whose token was sent. Raises ProvisionTokenInvalid."""
        super().initial(request, *args, **kwargs)
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        self._provider = provider_of(token=text.strip() if scheme.lower() == "bearer" else "")

    def provider(self, request: Request) -> IdentityProvider:
        """Whose token was sent."""
        return self._provider

    def body(self, request: Request) -> dict[str, Any]:
        """Raises ScimMalformed."""
        if not isinstance(request.data, dict):
            raise ScimMalformed("send a JSON object")
        found: dict[str, Any] = request.data
        return found

    def listed(self, request: Request, rows: Any, shape: Any) -> Response:
        """One page, by `startIndex` (from 1) and `count`."""
        start = max(_number(request, "startIndex", 1), 1)
        count = min(max(_number(request, "count", MOST_AT_ONCE), 0), MOST_AT_ONCE)
        found = [shape(row) for row in rows[start - 1 : start - 1 + count]]
        return Response(
            {
                "schemas": [LIST],
                "totalResults": rows.count(),
                "startIndex": start,
                "itemsPerPage": len(found),
                "Resources": found,
            }
        )

    def handle_exception(self, exc: Exception) -> Any:
        """Refusals as SCIM's errors; everything else is the middleware's."""
        if type(exc) in _ERRORS:
            status, kind = _ERRORS[type(exc)]
            return _error(status, str(exc), kind)
        if isinstance(exc, APIException):
            return _error(exc.status_code, str(exc.detail), "invalidSyntax" if exc.status_code == 400 else "")
        raise exc

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, HttpResponse) and not isinstance(response, Response):
            return response
        if isinstance(response, Response) and isinstance(response.data, dict):
            response.data = selected(request, response.data)
        return super().finalize_response(request, response, *args, **kwargs)


def selected(request: Request, answer: dict[str, Any]) -> dict[str, Any]:
    """Without what was not wanted: `attributes` names all that is, `excludedAttributes` what is not; by the names of
    whole attributes (RFC 7644, 3.9). What each resource has to have stays."""
    wanted, unwanted = _names(request, "attributes"), _names(request, "excludedAttributes")
    if not wanted and not unwanted:
        return answer

    def cut(resource: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in resource.items()
            if name in ALWAYS or ((not wanted or name.lower() in wanted) and name.lower() not in unwanted)
        }

    if "Resources" in answer:
        return {**answer, "Resources": [cut(each) for each in answer["Resources"]]}
    return cut(answer)


def _names(request: Request, parameter: str) -> set[str]:
    """`userName, urn:…:User:emails.value` -> the attributes that are meant."""
    given = request.query_params.get(parameter, "").split(",")
    return {name.strip().rpartition(":")[2].partition(".")[0].lower() for name in given if name.strip()}


def _error(status: int, detail: str, kind: str) -> HttpResponse:
    body = {"schemas": [ERROR], "status": str(status), "detail": detail}
    if kind:
        body["scimType"] = kind
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return json_answer(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        return min(int(text[:10]), 10_000_000)
    except ValueError as error:
        raise ScimMalformed(f"{name} is a whole number") from error
