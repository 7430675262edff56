"""Entity tags: what did not change is not sent again; what changed since is not overwritten."""

from __future__ import annotations

from typing import Any

from tenants.models.tenant import Tenant
from tests.support.actors import Actor, Answer
from tests.support.sessions import another_session


def _path(tenant: Tenant) -> str:
    return f"/tenants/{tenant.slug}"


def _rename(actor: Actor, tenant: Tenant, name: str, tag: str) -> Answer:
    return actor.portal().call("PATCH", _path(tenant), {"name": name}, if_match=tag)


def test_an_answer_that_did_not_change_is_not_sent_again(tenant: Tenant, member: Actor) -> None:
    first = member.portal().get(_path(tenant))
    tag = first.headers["ETag"]
    again = member.portal().get(_path(tenant), if_none_match=f'"other", {tag}')
    assert (again.status, again.body, again.headers["ETag"]) == (304, "", tag)
    assert member.portal().get(_path(tenant), if_none_match='"other"').body == first.body


def test_of_two_who_saw_the_same_the_second_is_refused(tenant: Tenant, member: Actor) -> None:
    seen = member.portal().get(_path(tenant)).headers["ETag"]
    assert _rename(member, tenant, "First", seen).status == 200
    late = _rename(member, tenant, "Second", seen)
    assert (late.status, late["code"]) == (412, "precondition-failed")
    now = member.portal().get(_path(tenant))
    assert (now["name"], late.headers["ETag"]) == ("First", now.headers["ETag"])
    assert _rename(member, tenant, "Second", late.headers["ETag"]).status == 200
    assert _rename(member, tenant, "Third", "*").status == 200
    assert member.portal().get(_path(tenant))["name"] == "Third"


def test_a_refused_change_changes_nothing(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    tag = viewer.portal().get(_path(tenant)).headers["ETag"]
    assert _rename(viewer, tenant, "Mine", tag).status == 403
    assert _rename(member, tenant, "x" * 500, "*").status == 422
    assert member.portal().get(_path(tenant))["name"] != "Mine"


def test_nobody_changes_it_meanwhile(tenant: Tenant, member: Actor, superuser: Any) -> None:
    tag = member.portal().get(_path(tenant)).headers["ETag"]
    name = f"change:{tenant.id}:/api/portal/v1{_path(tenant)}"
    with another_session(superuser) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7411))", [name])
        assert _rename(member, tenant, "New", tag).status == 412
    assert _rename(member, tenant, "New", tag).status == 200


def test_strangers_and_what_has_no_tag(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    assert _rename(stranger, tenant, "Theirs", "*").status == 404
    body = {"kind": "api", "name": "ci", "role": "Viewer", "lifetime_days": 1}
    made = member.portal().post(f"{_path(tenant)}/tokens", body)
    path = f"{_path(tenant)}/tokens/{made['id']}"
    assert member.portal().call("DELETE", path, if_match='"any"').status == 412
    assert member.portal().call("DELETE", path).status == 204
