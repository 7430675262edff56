"""Every answer that a test gets from the portal is held against the portal's own OpenAPI document.

A status, a content type or a field that the document does not tell fails the test that got it: so each test of the portal
is one of the document, too.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.architecture import portal_page

PREFIX = "/api/portal/v1"
_FORMATS = FormatChecker(formats=["uuid", "date", "date-time"])


def mistakes(*, method: str, path: str, status: int, content_type: str, body: Any) -> list[str]:
    """What of the answer the document does not allow. Paths that it does not have, and HEAD, are not asked about."""
    told = _operation(method.lower(), path.partition("?")[0].removeprefix(PREFIX))
    if told is None or status == 405:
        return []
    at = f"{method} {path} answered {status}"
    answer = told["responses"].get(str(status))
    if answer is None:
        return [f"{at}, which its document does not tell: add it to `responses` of the view's extend_schema"]
    if "$ref" in answer:
        answer = portal_page.document()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    content = answer.get("content") or {}
    if body in ("", None) and (not content or status == 304):
        return []
    kind = content_type.partition(";")[0]
    described = next((each for name, each in content.items() if name.partition(";")[0] == kind), None)
    if described is None:
        return [f"{at} as {content_type!r}: its document tells {sorted(content) or 'no body'}"]
    if not kind.endswith(("/json", "+json")):
        return []
    found = _validator(_key(described["schema"])).iter_errors(body)
    return [
        f"{at}: {'.'.join(map(str, each.absolute_path)) or 'the body'}: {each.message[:300]}; mend the shape or"
        " the answer"
        for each in found
    ]


def _operation(method: str, path: str) -> Any:
    for pattern, methods in _paths():
        if pattern.fullmatch(path) and method in methods:
            return methods[method]
    return None


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Paths without parts first: `/sign-in` is no name."""
    found = sorted(portal_page.document()["paths"].items(), key=lambda each: each[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), methods) for path, methods in found]


_SCHEMAS: dict[str, Any] = {}


def _key(schema: dict[str, Any]) -> str:
    key = repr(schema)
    _SCHEMAS.setdefault(key, schema)
    return key


@cache
def _validator(key: str) -> Draft202012Validator:
    document = portal_page.document()
    return Draft202012Validator(
        {**_SCHEMAS[key], "components": document["components"]}, format_checker=_FORMATS
    )
