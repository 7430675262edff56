"""Every list of the portal has pages, found in the OpenAPI document: a new list cannot be forgotten.

An operation is a list when its answer holds an array of objects, unless its path is one thing: ends with a name, or is
changed as a whole by PUT or PATCH. It must then take `limit` and `after` and answer `next`
(a `PageShape` from `page_of`, see api/portal/pages.py), refuse wrong ones by name, and give the same rows page by page
as at once: of a tenant that has three of everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.portal.pages import MOST
from tenants.models.tenant import Tenant
from tests.architecture import portal_page
from tests.support.actors import Actor
from tests.support.three_of_all import Three, three_of_all

WHOLE = {
    "/me": "the caller's account with its first hundred tenants: the list is /tenants",
    "/schema": "this document",
    "/tenants/{slug}/callbacks/{callback_id}/log": "the lines of one log, a mebibyte of them at most",
    "/tenants/{slug}/task-instances/{task_instance_id}/waits": "the reasons of one task",
    "/tenants/{slug}/usage": "a month's report with its sums, largest first",
}
"""Reviewed: answers that hold an array of objects, or no described fields, and are no lists that grow."""


def _lists() -> dict[str, tuple[str, dict[str, Any]]]:
    """Path -> (the name of its rows, its operation) of everything that looks like a list."""
    found = {}
    for path, methods in portal_page.document()["paths"].items():
        told = methods.get("get")
        content = (told or {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None or path.endswith("}") or path.startswith("/scim/"):  # RFC 7644 has pages of its own
            continue
        fields = portal_page._resolved(schema).get("properties")
        if {"put", "patch"} & set(methods) and "next" not in (fields or {}):
            continue
        rows = [name for name, each in (fields or {"": None}).items() if each is None or _is_rows(each)]
        if rows:
            found[path] = (rows[0], told)
    return found


def _is_rows(schema: dict[str, Any]) -> bool:
    shape = portal_page._resolved(schema)
    item = portal_page._resolved(shape.get("items", {}))
    return shape.get("type") == "array" and (item.get("type") == "object" or "properties" in item)


def paged() -> list[str]:
    """Paths of the lists."""
    return sorted(set(_lists()) - set(WHOLE))


def test_every_list_has_pages() -> None:
    lists = _lists()
    without = []
    for path in paged():
        _, told = lists[path]
        takes = {each["name"] for each in told["parameters"] if each["in"] == "query"}
        fields = portal_page._resolved(told["responses"]["200"]["content"]["application/json"]["schema"])
        if not ({"limit", "after"} <= takes and "next" in fields["properties"]):
            without.append(path)
            continue
        assert {"offset", "before", "cursor"}.isdisjoint(takes), f"GET {path}: `limit` and `after` are enough"
        assert "Link" in told["responses"]["200"]["headers"]
    assert not without, (
        f"lists without pages: {', '.join(without)}. Let the shape of the answer be a PageShape, and answer with"
        " page_of(request, rows, *order).answer(name, shown), see api/portal/pages.py. What is no list"
        " that grows goes into WHOLE with a reason"
    )


def test_what_comes_whole_is_no_page() -> None:
    lists = _lists()
    gone = sorted(set(WHOLE) - set(lists))
    assert not gone, f"no lists any more, take them out of WHOLE: {gone}"
    both = [path for path in WHOLE if "after" in {each["name"] for each in lists[path][1]["parameters"]}]
    assert not both, f"they have pages, take them out of WHOLE: {both}"


@pytest.fixture
def three(tenant: Tenant, actor: Callable[[str], Actor], superuser: Any) -> Three:
    """The tenant with at least three rows in each list, and its Owner, who is an operator as well."""
    return three_of_all(tenant, actor("Owner"), superuser)


def test_wrong_pages_are_refused_by_name(three: Three) -> None:
    door = three.door()
    for path in paged():
        at = three.fill(path)
        wrong = {"limit": (0, MOST + 1, "x"), "after": ("", "x:y\x00", "a" * 5000)}
        for name, values in wrong.items():
            for value in values:
                answer = door.get(at, {**three.query(path), name: value})
                assert answer.status == 422 and list(answer["errors"]) == [name], (path, name, value, answer)


def test_pages_are_the_list(three: Three) -> None:
    """Row by row by `next`, the same rows come in the same order as at once."""
    door, few, wrong = three.door(), [], []
    for path, (name, _) in _lists().items():
        if path in WHOLE:
            continue
        at, query = three.fill(path), three.query(path)
        whole = door.get(at, {**query, "limit": MOST})
        if whole.status != 200:
            wrong.append(f"GET {at}: {whole.status} {whole.body}")
            continue
        assert whole["next"] is None and "Link" not in whole.headers
        if len(whole[name]) < 3:
            few.append(f"{path}: {len(whole[name])}")
            continue
        found, page = [], door.get(at, {**query, "limit": 1})
        while True:
            assert len(page[name]) == 1, (path, page)
            found += page[name]
            if page["next"] is None:
                break
            assert page.headers["Link"] == f'<{page["next"]}>; rel="next"'
            page = door.following(page)
            assert page.status == 200, (path, page)
        if found != whole[name]:
            wrong.append(
                f"GET {path}: page by page {len(found)} rows that are not the {len(whole[name])} at once"
            )
    assert not wrong, "\n".join(wrong)
    assert not few, (
        "lists with less than three rows prove nothing: tests/support/three_of_all.py makes them\n"
        + "\n".join(few)
    )


def test_a_cursor_is_good_for_its_own_list_alone(three: Three) -> None:
    door, cursors = three.door(), {}
    for path in paged():
        at = three.fill(path)
        following = door.get(at, {**three.query(path), "limit": 1})["next"]
        if following is not None:
            cursors[at] = urlsplit(following).query
    assert len(cursors) > 30
    for at, query in cursors.items():
        for other in cursors:
            if other != at:
                refused = door.get(f"{other}?{query}")
                assert refused.status == 422 and list(refused["errors"]) == ["after"], (at, other)
                break
