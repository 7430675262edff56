"""Every mutating route leaves a row: the walk goes over the URL table, so that a new route cannot be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.urls import URLPattern, URLResolver, get_resolver

from api.audit_trail import HEADER, MOST_REFUSALS, quiet_methods
from tenants.models.tenant import Tenant
from tests.support.actors import Actor, Door
from tests.support.audit_rows import audit_rows, platform_rows

MUTATING = ("POST", "PUT", "PATCH", "DELETE")


def routes() -> Iterator[tuple[str, Any]]:
    """(route with `<name>` for its parts, view) of the whole URL table."""
    yield from _walk(get_resolver().url_patterns, "")


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def filled(route: str, slug: str) -> str:
    """A path that the route matches: ids of nothing."""

    def part(match: re.Match[str]) -> str:
        kind, name = match[1] or "", match[2]
        if name == "slug":
            return slug
        if "uuid" in kind:
            return str(uuid4())
        known = {"int": "7", "signed": "7", "name_or_uri": "name"}
        return known.get(kind, "git-receive-pack" if "/git" in route else "nothing")

    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<str:\1>", route)
    text = re.sub(r"<(?:(\w+):)?(\w+)>", part, text)
    return "/" + re.sub(r"[\^$]|\\(?=\.)|\\Z", "", text)


NAMELESS = (
    *("api/portal/v1/sign-", "api/portal/v1/sso/", "api/portal/v1/passkey", "api/portal/v1/second-factor"),
    *("api/portal/v1/changed-email", "api/portal/v1/verified-email", "api/portal/v1/forgotten-password"),
    *("api/portal/v1/new-password", "api/portal/v1/invitation", "execution/", "hooks/", "api/hooks/"),
    "t/<str:slug>/auth/token",
)
"""Doors where whoever knocks is nobody yet, or holds something else than a person's token: rows may have no actor."""


def test_every_mutating_route_leaves_one_row_with_an_actor(tenant: Tenant, actor: Any) -> None:
    owner = actor("Owner")
    portal, airflow = Door(prefix="", token=owner.portal().token), Door(prefix="", token=owner.v2().token)
    missing, doubled, nameless = [], [], []
    walked = 0
    for route, view in routes():
        quiet = quiet_methods(view)
        door = portal if route.startswith("api/") else airflow
        for method in MUTATING:
            caches["default"].clear()  # the limit of refusals has a test of its own
            request_id = uuid4().hex
            answer = door.call(method, filled(route, tenant.slug), {}, **{HEADER: request_id})
            if answer.status == 405 or (method in quiet and answer.status not in (401, 403)):
                continue
            walked += 1
            rows = [*audit_rows(tenant, request_id=request_id), *platform_rows(request_id=request_id)]
            rows = [row for row in rows if row["method"] == method]
            said = f"{method} {route}: {answer.status}"
            if not rows:
                missing.append(said)
            elif len({(row["action"], row["target"]) for row in rows}) < len(rows) or (
                answer.status >= 400 and len(rows) > 1
            ):
                doubled.append(f"{said} {[(row['action'], row['target']) for row in rows]}")
            unknown = any(row["actor_kind"] == "anonymous" for row in rows)
            if unknown and answer.status != 401 and not route.startswith(NAMELESS):
                nameless.append(said)
    assert (missing, doubled, nameless) == ([], [], [])
    assert walked > 100


def test_the_quiet_methods_are_few_and_say_why() -> None:
    said = {(route, method): why for route, view in routes() for method, why in quiet_methods(view).items()}
    assert all(len(why) > 10 for why in said.values())
    loud = [(route, method) for route, method in said if not route.startswith(("execution/", "t/"))]
    assert loud == []


def test_a_request_has_an_id_in_its_answer_and_its_rows(tenant: Tenant, member: Actor) -> None:
    answer = member.v2().post("/pools", {"name": "p", "slots": 2})
    assert answer.status == 201
    rows = audit_rows(tenant, request_id=answer.headers[HEADER])
    assert [(row["action"], row["target"], row["actor"]) for row in rows] == [
        ("pool.made", "pool:p", member.user.username)
    ]
    assert rows[0]["address"] == "127.0.0.1" and rows[0]["route"].endswith("/api/v2/pools")


def test_a_given_request_id_is_kept_and_a_strange_one_replaced(member: Actor) -> None:
    for given, kept in (("abcd-1234-req", True), ("a b\nc", False), ("x" * 65, False)):
        answer = member.v2().get("/pools", **{HEADER: given.replace("\n", " ")})
        assert (answer.headers[HEADER] == given) is kept


def test_refusals_of_a_member_are_on_the_tenants_chain(tenant: Tenant, viewer: Actor) -> None:
    answer = viewer.v2().delete("/pools/default_pool")
    row = audit_rows(tenant, request_id=answer.headers[HEADER])[0]
    assert (row["status"], row["outcome"], row["actor"]) == (403, "refused", viewer.user.username)
    assert row["detail"] == {"pool_name": "default_pool", "slug": tenant.slug}


def test_a_strangers_are_on_the_platforms(tenant: Tenant, stranger: Actor, nobody: Door) -> None:
    before = audit_rows(tenant)
    answer = stranger.v2(at=tenant).delete("/pools/default_pool")
    row = platform_rows(request_id=answer.headers[HEADER])[0]
    assert (row["status"], row["actor"]) == (404, stranger.user.username)
    row = platform_rows(request_id=nobody.delete("/pools/x").headers[HEADER])[0]
    assert (row["status"], row["actor_kind"]) == (401, "anonymous")
    assert audit_rows(tenant) == before


def test_reading_leaves_none_unless_it_is_refused(tenant: Tenant, viewer: Actor) -> None:
    before = len(audit_rows(tenant))
    assert viewer.v2().get("/pools").status == 200
    assert viewer.v2().get("/pools/nothing").status == 404
    assert len(audit_rows(tenant)) == before
    assert viewer.v2().get("/variables").status == 403
    assert audit_rows(tenant)[-1]["status"] == 403


def test_strangers_cannot_fill_the_log(tenant: Tenant, nobody: Door) -> None:
    for _ in range(MOST_REFUSALS + 5):
        assert nobody.delete("/pools/x").status == 401
    rows = platform_rows(actor_kind="anonymous")
    assert len(rows) == MOST_REFUSALS + 1
    assert rows[-1]["action"] == "refusals.more"


@pytest.mark.parametrize("right", [True, False])
def test_sign_ins_are_recorded(tenant: Tenant, right: bool) -> None:
    from tests.support.factories import make_person

    user = make_person("ada", password="a fine password")
    door = Door(prefix="/api/portal/v1", token=None)
    password = "a fine password" if right else "hunter2-not-it"
    answer = door.post("/sign-in", {"username": "ada", "password": password})
    row = platform_rows(request_id=answer.headers[HEADER])[0]
    assert (row["action"], row["target"]) == ("sign-in", f"user:{user.id}")
    assert row["outcome"] == ("done" if right else "refused")
    assert row["actor"] == ("ada" if right else "")
    assert password not in str(row)


def test_a_failed_sign_in_does_not_repeat_what_was_typed(database: None) -> None:
    """People type their password where the name belongs."""
    door = Door(prefix="/api/portal/v1", token=None)
    answer = door.post("/sign-in", {"username": "my-secret-phrase", "password": "x" * 12})
    row = platform_rows(request_id=answer.headers[HEADER])[0]
    assert row["target"] == "user:unknown" and "my-secret-phrase" not in str(row)
