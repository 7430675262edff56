"""Every field of every request of the portal, filled with what it cannot be: a problem that names it, and nothing changes.

The operations, their fields and their query parameters come from the OpenAPI document: a new door is asked by itself. The
caller may do everything, and the paths name things that are there, so that nothing but the field can be refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tenants.models.tenant import Tenant
from tests.architecture import portal_page
from tests.support.actors import Actor, Answer
from tests.support.three_of_all import Three, three_of_all
from tests.support.wrong_values import wrong_bodies, wrong_values

REFUSALS_ARE_NOTED = {"audit_row", "platform_audit_row", "audit_mark", "platform_audit_mark"}
"""Tables in which a refused request leaves what happened."""


BY_OTHERS = ("/scim/", "/schema")
"""RFC 7644 has errors of its own; the description of all this is written by its library."""


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in portal_page.document()["paths"].items():
        for method, told in methods.items():
            if method in portal_page.METHODS and not path.startswith(BY_OTHERS):
                yield method.upper(), path, told


@pytest.fixture
def three(tenant: Tenant, actor: Callable[[str], Actor], superuser: Any) -> Three:
    return three_of_all(tenant, actor("Owner"), superuser)


@pytest.fixture
def counted(superuser: Any) -> Callable[[], dict[str, int]]:
    """How many rows each table has, whoever's they are."""

    def count() -> dict[str, int]:
        with superuser.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            names = sorted(name for (name,) in cursor.fetchall() if name not in REFUSALS_ARE_NOTED)
            cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM \"{name}\"" for name in names))
            return dict(cursor.fetchall())

    return count


def test_each_field_of_each_body(three: Three, counted: Callable[[], dict[str, int]]) -> None:
    door, mistakes, asked = three.door(), [], 0
    before = counted()
    for method, path, told in _operations():
        content = told.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            continue
        at = three.fill(path)
        for wrong in wrong_bodies(content["application/json"]["schema"]):
            if "version" in wrong.body and wrong.at != ("version",):  # what the caller last saw
                wrong.body["version"] = door.get(at)["version"]
            answer = door.call(method, at, wrong.body)
            asked += 1
            if mistake := _mistake(answer, wrong.at):
                mistakes.append(f"{method} {path} {'.'.join(wrong.at)}={str(wrong.value)[:40]!r}: {mistake}")
        if (after := counted()) != before:
            changed = {name: after[name] - before[name] for name in after if after[name] != before[name]}
            mistakes.append(f"{method} {path}: refused requests changed rows: {changed}")
            before = after
    assert asked > 500
    assert not mistakes, _told(mistakes)


def test_each_query_parameter(three: Three, counted: Callable[[], dict[str, int]]) -> None:
    door, mistakes, asked = three.door(), [], 0
    before = counted()
    for method, path, told in _operations():
        for each in told.get("parameters", []):
            if each["in"] != "query" or each["name"] in ("limit", "after"):  # test_lists.py asks about them
                continue
            values = [value for value in wrong_values(each["schema"]) if not isinstance(value, dict | list)]
            for value in values:
                answer = door.call(method, three.fill(path), query={**three.query(path), each["name"]: value})
                asked += 1
                if mistake := _mistake(answer, (each["name"],)):
                    mistakes.append(f"{method} {path}?{each['name']}={str(value)[:40]!r}: {mistake}")
    assert asked > 30 and counted() == before
    assert not mistakes, _told(mistakes)


def test_bodies_that_are_no_objects(three: Three, counted: Callable[[], dict[str, int]]) -> None:
    door, mistakes = three.door(), []
    before = counted()
    for method, path, told in _operations():
        if "application/json" in told.get("requestBody", {}).get("content", {}):
            for body in ([], "text", 5, [{}]):
                answer = door.call(method, three.fill(path), body)
                if answer.status != 422:
                    mistakes.append(f"{method} {path} with {body!r}: {answer.status} {answer.body}")
    assert counted() == before
    assert not mistakes, _told(mistakes)


def _mistake(answer: Answer, at: tuple[str, ...]) -> str | None:
    if not 400 <= answer.status < 500:
        return f"{answer.status}, not refused"
    named = answer.body.get("errors") if isinstance(answer.body, dict) else None
    if not isinstance(named, dict) or at[0] not in {name.partition(".")[0] for name in named}:
        return f"{answer.status} {json.dumps(answer.body)[:200]} does not name {at[0]!r} in `errors`"
    if at[-1] not in json.dumps(named) and answer["code"] == "malformed":
        return f"{json.dumps(named)[:200]} does not name {at[-1]!r}"
    return None


def _told(mistakes: list[str]) -> str:
    return (
        "Read bodies with read(Shape, request) and queries with asked_of(Shape, request) before anything else is"
        " looked up, and let the Shape say what a field may be. Where a path's part names nothing that is there,"
        " tests/support/three_of_all.py fills it.\n" + "\n".join(mistakes)
    )
