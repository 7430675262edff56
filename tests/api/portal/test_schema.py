"""The portal's OpenAPI document: complete, valid, the same as its pages, and true about who needs a bearer."""

from __future__ import annotations

import re
import warnings
from typing import Any

import openapi_spec_validator
import pytest
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from jsonschema import Draft202012Validator

from api.portal.schema import PortalGenerator
from tests.architecture import portal_page
from tests.support.actors import Door

METHODS = portal_page.METHODS


def _operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, told)
        for path, methods in portal_page.document()["paths"].items()
        for method, told in methods.items()
        if method in METHODS
    ]


def test_it_is_openapi_31_and_made_without_a_warning() -> None:
    GENERATOR_STATS.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = PortalGenerator(urlconf="api.portal.urls").get_schema(request=None, public=True)
    assert not GENERATOR_STATS._warn_cache and not GENERATOR_STATS._error_cache
    assert made["openapi"] == "3.1.0"
    openapi_spec_validator.validate(made)


def test_every_path_of_the_url_table_is_described() -> None:
    from tests.architecture.http_page import _routes

    assert get_resolver()
    served = {
        path.removeprefix("api/portal/v1") for path, _ in _routes() if path.startswith("api/portal/v1/")
    }
    assert served == set(portal_page.document()["paths"])


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    names = [told["operationId"] for _, _, told in _operations()]
    assert len(names) == len(set(names))
    assert [
        name for _, _, told in _operations() if not told.get("description") for name in [told["operationId"]]
    ] == []


def test_every_shape_has_an_example_that_fits() -> None:
    """So every body and every answer that is an object has one."""
    shapes = portal_page.document()["components"]["schemas"]
    for name, shape in shapes.items():
        if shape.get("type") != "object" or not shape.get("properties"):
            continue
        [example] = shape["examples"]
        found = Draft202012Validator({**shape, "components": {"schemas": shapes}}).iter_errors(example)
        assert not (wrong := [each.message for each in found]), (name, wrong)


def test_every_door_says_what_it_takes_and_gives() -> None:
    """Bodies and answers are described shapes: whoever writes a client has nothing to guess."""
    for method, path, told in _operations():
        if path == "/schema":
            continue
        if method in ("put", "patch"):
            assert told["requestBody"]["content"], (method, path)
        good = {
            status: answer
            for status, answer in told["responses"].items()
            if status < "400" and status != "304"
        }
        assert good, (method, path)
        for status, answer in good.items():
            for kind, content in (answer.get("content") or {}).items():
                shape = portal_page._resolved(content["schema"])
                described = shape.get("properties") or shape.get("type") == "string" or "/scim/" in path
                assert described, (method, path, status, kind)


def test_every_refusal_is_a_problem_document() -> None:
    described = portal_page.document()["components"]["responses"]
    for method, path, told in _operations():
        for status, answer in told["responses"].items():
            if status >= "4":
                answer = described[answer["$ref"].rpartition("/")[2]]
                also = ["application/scim+json"] if "/scim/" in path else []
                assert list(answer["content"]) == ["application/problem+json", *also], (method, path, status)


def test_conventions_are_told_where_they_hold() -> None:
    document = portal_page.document()["paths"]

    def headers(method: str, path: str) -> set[str]:
        return {each["name"] for each in document[path][method]["parameters"] if each["in"] == "header"}

    assert "Idempotency-Key" in headers("post", "/tenants/{slug}/tokens")
    assert "Idempotency-Key" not in headers("post", "/tenants/{slug}/bundles")
    assert "If-Match" in headers("patch", "/tenants/{slug}")
    assert "If-None-Match" in headers("get", "/tenants/{slug}")
    assert "412" in document["/tenants/{slug}"]["patch"]["responses"]
    assert "ETag" in document["/tenants/{slug}"]["get"]["responses"]["200"]["headers"]


def _value(part: re.Match[str]) -> str:
    values = {"slug": "nowhere", "number": "1", "dag_id": "a", "name": "a", "limit": "a"}
    return values.get(part[1], "01a1ff70-1249-761e-8657-7d5acbdcd5e8")


def test_who_needs_a_bearer(database: None) -> None:
    """Every operation is asked without one: 401 exactly where the document wants one."""
    door = Door(prefix="/api/portal/v1", token=None)
    wrong = []
    for method, path, told in _operations():
        asked = re.sub(r"{(\w+)}", _value, path)
        answer = door.call(method.upper(), asked, {"password": "x"} if method != "get" else None)
        if (answer.status == 401 and "security" not in told) or (
            answer.status != 401 and told.get("security") == []
        ):
            continue
        wrong.append(f"{method.upper()} {path}: {answer.status}, security {told.get('security')}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("file", "made"), [("PAGE", "page"), ("DOCUMENT", "text")])
def test_the_pages_are_the_document(file: str, made: str) -> None:
    assert getattr(portal_page, file).read_text(encoding="utf-8") == getattr(portal_page, made)()
