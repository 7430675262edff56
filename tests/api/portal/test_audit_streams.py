"""A tenant's audit streams at the portal's door."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.audit_rows import audit_rows

BODY = {"name": "siem", "kind": "webhook", "url": "https://siem.example.com/in"}


def path(tenant: Tenant, rest: str = "") -> str:
    return f"/tenants/{tenant.slug}/audit/streams{rest}"


def test_from_its_making_to_its_end(tenant: Tenant, member: Actor) -> None:
    door = member.portal()
    made = door.post(path(tenant), BODY)
    assert made.status == 201 and made["secret"].startswith("whsec_")
    (listed,) = door.get(path(tenant))["streams"]
    assert listed["name"] == "siem" and "secret" not in listed and made["secret"] not in str(listed)
    one = path(tenant, f"/{made['id']}")
    assert door.patch(one, {"state": "paused", "name": "other"})["state"] == "paused"
    assert door.delete(one).status == 204
    assert door.get(path(tenant))["streams"] == []
    rows = audit_rows(tenant, target=f"audit_stream:{made['id']}")
    assert [row["action"] for row in rows] == [
        "audit.stream.made",
        "audit.stream.changed",
        "audit.stream.ended",
    ]
    assert rows[1]["after"] == {"name": "other", "state": "paused"}
    assert made["secret"] not in str(rows)


def test_who_may(tenant: Tenant, member: Actor, actor: Any, stranger: Actor) -> None:
    made = member.portal().post(path(tenant), BODY)
    one = path(tenant, f"/{made['id']}")
    for role in ("Viewer", "Author", "Op"):
        door = actor(role).portal()
        answers = [
            door.get(path(tenant)),
            door.post(path(tenant), BODY),
            door.patch(one, {}),
            door.delete(one),
        ]
        assert [answer.status for answer in answers] == [403] * 4
    door = stranger.portal()
    for method, body in (("GET", None), ("POST", BODY)):
        there = door.call(method, path(tenant), body)
        absent = door.call(method, "/tenants/nobody-here/audit/streams", body)
        assert (there.status, there["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    at_home = f"/tenants/{stranger.tenant.slug}/audit/streams"
    for method in ("PATCH", "DELETE"):
        theirs = door.call(method, f"{at_home}/{made['id']}", {})
        nobodys = door.call(method, f"{at_home}/{uuid4()}", {})
        assert (theirs.status, theirs["code"]) == (nobodys.status, nobodys["code"]) == (404, "not-found")
    assert len(member.portal().get(path(tenant))["streams"]) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"kind": "fax"}, "kind"),
        ({"url": "http://siem.example.com"}, "url"),
        ({"url": "https://ada:pw@siem.example.com"}, "url"),
        ({"secret": "whsec_short"}, "secret"),
        ({"kind": "s3", "url": "s3://bucket"}, "region"),
        ({"from_start": "perhaps"}, "from_start"),
    ],
)
def test_a_wrong_stream_names_its_field_and_nothing_is_made(
    tenant: Tenant, member: Actor, change: dict[str, Any], field: str
) -> None:
    answer = member.portal().post(path(tenant), BODY | change)
    assert answer.status == 422 and field in answer["errors"]
    assert member.portal().get(path(tenant))["streams"] == []


def test_a_name_is_taken_once(tenant: Tenant, member: Actor) -> None:
    door = member.portal()
    assert door.post(path(tenant), BODY).status == 201
    taken = door.post(path(tenant), BODY)
    assert taken.status == 409 and taken["code"] == "audit-stream-name-taken"
    other = door.post(path(tenant), BODY | {"name": "other"})
    assert door.patch(path(tenant, f"/{other['id']}"), {"name": "siem"}).status == 409
    assert door.patch(path(tenant, f"/{other['id']}"), {"state": "gone"}).status == 422
