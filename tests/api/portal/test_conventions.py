"""What docs/reference/api/conventions.md promises of every operation, asked of every operation that the document has:
entity tags, conditional changes, idempotency keys, rate limits. A new door is asked by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api import rate
from controlplane.foundation.clock import utc_now
from tenants.limits import api_requests
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tests.architecture import portal_page
from tests.support.actors import Actor
from tests.support.three_of_all import Three, three_of_all

FRAME = (
    "doors are PortalViews (api/portal/view.py), and ask access() or person() before they read anything else"
)


def _operations(*methods: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, told in portal_page.document()["paths"].items():
        for method in methods:
            if method in told and not path.startswith("/scim/") and path != "/schema":
                yield method.upper(), path, told[method]


@pytest.fixture
def three(tenant: Tenant, actor: Callable[[str], Actor], superuser: Any) -> Three:
    return three_of_all(tenant, actor("Owner"), superuser)


def test_every_answer_has_a_tag_and_is_not_sent_twice(three: Three) -> None:
    door, wrong, tagged = three.door(), [], 0
    for _, path, _ in _operations("get"):
        first = door.get(three.fill(path), three.query(path))
        if first.status != 200 or "ETag" not in first.headers:
            if first.status == 200 and not path.endswith(("/export", "/diff")):
                wrong.append(f"GET {path} has no ETag")
            continue
        tagged += 1
        again = door.get(three.fill(path), three.query(path), if_none_match=first.headers["ETag"])
        changes = path in ("/me/sessions", "/tenants/{slug}/audit")  # each request is seen in them
        if again.status != 304 and not changes:
            wrong.append(f"GET {path}: {again.status}, not 304")
    assert tagged > 50
    assert not wrong, f"{FRAME}:\n" + "\n".join(wrong)


def test_every_change_of_what_changed_since_is_refused(three: Three) -> None:
    door, wrong, asked = three.door(), [], 0
    for method, path, told in _operations("put", "patch", "delete"):
        takes = "If-Match" in {each["name"] for each in told.get("parameters", [])}
        if "{slug}" not in path or path.startswith(("/operators/", "/organisations/")):
            continue
        asked += 1
        answer = door.call(method, three.fill(path), {}, if_match='"what nobody saw"')
        if answer.status == 404 and takes:
            continue  # nothing is there that it could change
        if not takes or (answer.status, answer.body.get("code")) != (412, "precondition-failed"):
            wrong.append(f"{method} {path}: {answer.status} {str(answer.body)[:200]}")
    assert asked > 25
    assert not wrong, (
        f"{FRAME}; a path that names nothing is filled in tests/support/three_of_all.py:\n" + "\n".join(wrong)
    )


def test_every_post_takes_a_key(three: Three) -> None:
    door, wrong, asked = three.door(), [], 0
    for method, path, told in _operations("post"):
        if not path.startswith("/tenants/{slug}"):
            continue
        asked += 1
        takes = "Idempotency-Key" in {each["name"] for each in told.get("parameters", [])}
        answer = door.call(method, three.fill(path), {}, idempotency_key="a key\x7f")
        refused = answer.status == 422 and answer.body.get("code") == "idempotency-key-malformed"
        if refused != takes:
            wrong.append(f"{method} {path}: {answer.status} {str(answer.body)[:200]}")
    assert asked > 25
    assert not wrong, f"{FRAME}:\n" + "\n".join(wrong)


def test_every_request_is_counted(three: Three, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"api_requests_per_minute": 100_000}
    put_plan(name="paid", title="", limits=limits, prices={}, is_default=True, by="op", now=utc_now())
    api_requests.forget()
    monkeypatch.setattr(rate, "FLOOR", 0)
    monkeypatch.setattr(rate, "OF_A_PERSON", 100_000)
    door, wrong = three.door(), []
    for method, path, told in _operations(*portal_page.METHODS):
        if (
            told.get("security") == [] or path == "/sign-out"
        ):  # throttled by address; ends what the others need
            continue
        answer = door.call(method, three.fill(path), {} if method != "GET" else None, query=three.query(path))
        policy = answer.headers.get("RateLimit-Policy", "none").partition(";")[0]
        counted = ('"tenant"', '"person"') if path.startswith("/tenants/{slug}") else ('"person"',)
        if policy not in counted:
            wrong.append(f"{method} {path}: {policy} ({answer.status} {str(answer.body)[:150]})")
    api_requests.forget()
    assert not wrong, f"{FRAME}:\n" + "\n".join(wrong)
