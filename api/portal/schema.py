"""The portal's OpenAPI document: what every operation has beside its own shapes.

Refusals as problem documents, the bearer, `Idempotency-Key` on POST below a tenant, entity tags on GET and on changes.
Made from the same tables as the answers: nothing here is kept by hand for one operation.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from api.portal.examples import give_examples
from api.portal.pages import PageQuery, PageShape

PROBLEM = "#/components/schemas/Problem"
OPEN = {
    "schema",
    "sign-up",
    "sign-in",
    "sign-in/second-factor",
    "sign-in/passkey",
    "sign-in/passkey/answer",
    "forgotten-password",
    "new-password",
    "verified-email",
    "changed-email",
    "invitation",
    "invitation/sign-up",
    "permissions",
    "sso/providers",
    "sso/{provider_id}/begin",
    "sso/{provider_id}/saml",
    "sso/finish",
}
"""Paths that answer without a bearer; tests/api/portal/test_schema.py asks every path."""
_TITLES = {
    "400": "The request cannot be read",
    "401": "Not signed in, or not any more",
    "403": "The role, or the grants, do not allow this",
    "404": "Nothing is there for whoever asks",
    "405": "The path has no such method",
    "409": "It collides with what is there",
    "410": "The link or the offer is over",
    "412": "It is not what the caller last saw",
    "413": "Too large",
    "415": "Not JSON",
    "422": "Fields are missing or wrong; nothing was changed",
    "429": "Too many requests, or a limit of the tenant is reached",
    "500": "Our fault; the log has the id",
    "502": "The identity provider gives no answer",
    "503": "Something that is needed is away for a moment",
    "504": "The database took too long: ask for less at once",
}
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457. `code` is stable: programs may rely on it.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"description": "By field, what is wrong with it"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
_TAG = {
    "ETag": {
        "description": "Digest of the answer, for `If-None-Match` and `If-Match`",
        "schema": {"type": "string"},
    }
}
_LINK = {
    "Link": {
        "description": 'The path of the following page, as `rel="next"`; none at the end',
        "schema": {"type": "string"},
    }
}


def of_tenant(path: str) -> bool:
    """Whether the path is below a tenant: not an operator's or an organisation's that names one."""
    return path.removeprefix("/api/portal/v1").startswith("/tenants/{slug}")


class PortalSchema(AutoSchema):
    """One operation."""

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method == "POST" and of_tenant(self.path) and getattr(self.view, "takes_keys", False):
            found.append(
                _header("Idempotency-Key", "The same key and request again gets the same answer, for a day")
            )
        elif self.method == "GET":
            found.append(
                _header("If-None-Match", "Tags of answers that the caller has: 304 when it is one of them")
            )
            if self._is_page():
                found.append(PageQuery)
        elif self.method in ("PATCH", "PUT", "DELETE") and of_tenant(self.path):
            found.append(_header("If-Match", "Tags of what the caller saw: 412 when it was changed since"))
        return found

    def _is_page(self) -> bool:
        told = self.get_response_serializers()
        shape = told.get(200) if isinstance(told, dict) else told
        return isinstance(shape, type) and issubclass(shape, PageShape)

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        """The folder's name in front: two folders may have shapes of one name."""
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        module = type(getattr(serializer, "child", serializer)).__module__.removeprefix("api.portal.")
        folder = module.split(".")[0].replace("_", " ").title().replace(" ", "")
        return name if name.startswith(folder) else folder + name

    def get_auth(self) -> list[Any]:
        return []  # said once for all, see `completed`

    def get_operation_id(self) -> str:
        """`GET /tenants/{slug}/tokens/{token_id}` -> get_tenants_slug_tokens_token_id: no two are alike."""
        parts = [part.strip("{}").replace("-", "_") for part in self.path.split("/") if part]
        found = "_".join([self.method.lower(), *parts])
        return found


class PortalGenerator(SchemaGenerator):
    """The document."""

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        return completed(super().get_schema(request=request, public=public))


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """With the problems that each operation may answer, and who may leave out the bearer."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token of a person, from `sign-in`, or an API token of a tenant",
        }
    }
    for shape in components["schemas"].values():
        fields = list(shape.get("properties", {}).values())
        fields += [field["additionalProperties"] for field in fields if "additionalProperties" in field]
        for field in (each for each in fields if isinstance(each, dict)):
            if field.get("default") == "" and field.get("minLength"):
                del field["default"]  # leaving it out is something else than sending an empty text
            if {} in field.get("oneOf", ()):
                del field["oneOf"]  # anything or null: null is anything, too
    give_examples(components["schemas"])
    components["responses"] = {f"Refused{status}": _described(status) for status in _TITLES}
    for status in _TITLES:
        told = _described(status)
        told["content"] = {**told["content"], "application/scim+json": {"schema": {"type": "object"}}}
        components["responses"][f"ScimRefused{status}"] = told
    document["security"] = [{"bearer": []}]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    is_open = path.strip("/").removeprefix("api/portal/v1/") in OPEN
    if is_open:
        operation["security"] = []
    responses = operation["responses"]
    if method == "get" and "200" in responses:
        responses["200"].setdefault("headers", {}).update(_TAG)
        if {"limit", "after"} <= {each["name"] for each in operation.get("parameters", [])}:
            responses["200"]["headers"].update(_LINK)
        responses["304"] = {"description": "The caller has the newest answer", "headers": _TAG}
    kind = "Scim" if "/scim/" in path else ""
    for status in sorted(_refusals(path, method, is_open)):
        responses.setdefault(status, _refusal(status, kind))
    for status, answer in responses.items():
        if status in _TITLES and "$ref" not in answer:  # what a view says of its own refusal
            responses[status] = {**_refusal(status, kind), "description": answer["description"]}
    operation["responses"] = dict(sorted(responses.items()))


def _refusals(path: str, method: str, is_open: bool) -> set[str]:
    found = {"400", "401", "404", "429", "500", "503", "504"}
    if not is_open:
        found |= {"403"}
    if method != "get":
        found |= {"403", "409", "413", "415", "422"}
    else:
        found |= {"422"}
    if path.endswith("/exports/{export_id}/content"):
        found |= {"409"}  # it is still being made
    if method in ("patch", "put", "delete") and of_tenant(path):
        found |= {"412"}
    if "/sso/" in path:
        found |= {"502"}
    return found


def _refusal(status: str, kind: str) -> dict[str, Any]:
    """Described once for the whole document. What SCIM (RFC 7644) itself refuses has its own form."""
    return {"$ref": f"#/components/responses/{kind}Refused{status}"}


def _described(status: str) -> dict[str, Any]:
    return {
        "description": _TITLES[status],
        "content": {"application/problem+json": {"schema": {"$ref": PROBLEM}}},
    }


def _header(name: str, what: str) -> Any:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=what)
