"""Platform operators: which tenants there are, suspend and resume, entering one with a reason and for a while."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from tenants.access_tokens import issue_access_token
from tenants.models.operator_entry import OperatorEntry
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.factories import make_person, parsed_dag
from tests.support.specs import chain

WHY = "ticket 4711: runs do not start"


@pytest.fixture
def operator(database: None) -> User:
    person = make_person("olga")
    User.objects.using("auth").filter(id=person.id).update(is_operator=True)
    return person


def at(person: User, prefix: str = "/api/portal/v1") -> Door:
    return Door(
        prefix=prefix, token=issue_access_token(user_id=person.id, username=person.username, now=utc_now())
    )


def enter(operator: User, **more: object) -> Door:
    made = at(operator).post("/operators/entries", {"tenant": "alpha", "reason": WHY, **more})
    assert made.status == 201, made.body
    return at(operator, "/t/alpha/api/v2")


def test_the_list_has_tenants_and_nothing_of_what_is_in_them(
    tenant: Tenant, other_tenant: Tenant, operator: User
) -> None:
    parsed_dag(tenant, chain("secretive", 1))
    page = at(operator).get("/operators/tenants", {"limit": 1})
    assert [row["slug"] for row in page["tenants"]] == ["alpha"]
    rest = at(operator).following(page)
    assert ([row["slug"] for row in rest["tenants"]], rest["next"]) == (["omega"], None)
    assert [r["slug"] for r in at(operator).get("/operators/tenants", {"contains": "meg"})["tenants"]] == [
        "omega"
    ]
    one = at(operator).get("/operators/tenants/alpha")
    assert (one["state"], one["members"]) == ("active", 1)
    assert {limit["name"] for limit in one["limits"]}
    assert "secretive" not in f"{page.body}{one.body}"
    assert at(operator).get("/operators/tenants/nosuch").status == 404
    assert at(operator).get("/operators/tenants", {"limit": 0}).status == 422


def test_an_operator_is_a_stranger_until_they_enter(tenant: Tenant, operator: User) -> None:
    assert at(operator, "/t/alpha/api/v2").get("/dags").status == 404
    assert at(operator).get("/tenants/alpha").status == 404
    door = enter(operator)
    assert door.get("/dags").status == 200
    assert door.post("/pools", {"name": "p", "slots": 1}).status == 403
    assert at(operator, "/t/omega/api/v2").get("/dags").status == 404


def test_every_member_sees_who_was_there_and_why(
    tenant: Tenant, viewer: Actor, member: Actor, operator: User
) -> None:
    door = enter(operator, role="Op", minutes=30)
    assert door.post("/pools", {"name": "p", "slots": 1}).status == 201
    [seen] = viewer.portal().get("/tenants/alpha/operator-entries")["operator_entries"]
    assert (seen["operator"], seen["role"], seen["reason"], seen["left_at"]) == ("olga", "Op", WHY, None)
    [entry] = member.v2().get("/eventLogs", {"event": "post_pool"})["event_logs"]
    assert entry["owner"] == "operator:olga"


def test_the_tenants_audit_has_the_entry_its_reason_and_the_leaving(
    tenant: Tenant, operator: User, superuser: object
) -> None:
    enter(operator)
    [entry] = at(operator).get("/operators/entries")["entries"]
    assert at(operator).delete(f"/operators/entries/{entry['id']}").status == 204
    with superuser.cursor() as cursor:  # type: ignore[attr-defined]
        cursor.execute(
            "SELECT action, actor, row_to_json(audit_row)::text FROM audit_row WHERE tenant_id = %s "
            "AND action LIKE 'operator.%%' ORDER BY id",
            [tenant.id],
        )
        rows = cursor.fetchall()
    assert [(action, actor) for action, actor, _ in rows] == [
        ("operator.entered", "olga"),
        ("operator.left", "olga"),
    ]
    assert WHY in rows[0][2]


def test_the_time_ends_and_so_does_the_access(tenant: Tenant, operator: User) -> None:
    door = enter(operator)
    OperatorEntry.objects.using("auth").update(expires_at=utc_now() - timedelta(seconds=1))
    assert door.get("/dags").status == 404
    assert at(operator).get("/operators/entries")["entries"] == []
    door = enter(operator)
    [entry] = at(operator).get("/operators/entries")["entries"]
    assert at(operator).delete(f"/operators/entries/{entry['id']}").status == 204
    assert door.get("/dags").status == 404
    assert at(operator).delete(f"/operators/entries/{entry['id']}").status == 404


def test_who_is_no_operator_any_more_is_out_at_once(tenant: Tenant, operator: User) -> None:
    door = enter(operator)
    User.objects.using("auth").filter(id=operator.id).update(is_operator=False)
    assert door.get("/dags").status == 404
    assert at(operator).get("/operators/tenants").status == 404


def test_an_operator_leaves_nothing_behind_that_opens_the_tenant(tenant: Tenant, operator: User) -> None:
    """No token, member, role, account or grant outlives the time that was asked for."""
    enter(operator, role="Admin")
    portal = at(operator)
    for path, body in (
        ("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Viewer"}),
        ("/tenants/alpha/service-accounts", {"name": "ci", "role": "Viewer"}),
        ("/tenants/alpha/roles", {"name": "Mine", "permissions": []}),
        ("/tenants/alpha/grants", {"username": "olga", "kind": "dag", "name": "a", "level": "read"}),
        ("/tenants/alpha/invitations", {"email": "o@example.com", "role": "Viewer"}),
    ):
        assert portal.post(path, body)["code"] == "permission-missing", path


@pytest.mark.parametrize(
    "change",
    [
        {"reason": ""},
        {"reason": "short"},
        {"role": "Owner"},
        {"minutes": 0},
        {"minutes": 481},
        {"tenant": ""},
    ],
)
def test_an_entry_needs_a_reason_a_role_and_a_time(
    tenant: Tenant, operator: User, change: dict[str, object]
) -> None:
    answer = at(operator).post("/operators/entries", {"tenant": "alpha", "reason": WHY, **change})
    assert (answer.status, answer["code"], list(answer["errors"])) == (422, "malformed", list(change))
    assert not OperatorEntry.objects.using("auth").exists()
    assert at(operator).post("/operators/entries", {"tenant": "nosuch", "reason": WHY}).status == 404


def test_a_suspended_tenant_is_closed_to_members_and_tokens_until_it_is_resumed(
    tenant: Tenant, member: Actor, operator: User
) -> None:
    token = member.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Viewer"})[
        "token"
    ]
    machine = Door(prefix="/t/alpha/api/v2", token=token)
    suspend = at(operator).post("/operators/tenants/alpha/suspend", {"reason": WHY})
    assert (suspend.status, suspend["state"]) == (200, "suspended")
    assert member.v2().get("/dags").status == 404
    assert member.portal().get("/tenants/alpha").status == 404
    assert machine.get("/dags").status == 403
    again = at(operator).post("/operators/tenants/alpha/suspend", {"reason": WHY})
    assert (again.status, again["code"]) == (409, "tenant-state")
    assert enter(operator).get("/dags").status == 200  # to look after it
    assert at(operator).post("/operators/tenants/alpha/resume", {"reason": WHY})["state"] == "active"
    assert member.v2().get("/dags").status == 200
    assert machine.get("/dags").status == 200
    assert at(operator).post("/operators/tenants/alpha/suspend", {}).status == 422


def test_members_and_strangers_find_no_operators_doors(
    tenant: Tenant, member: Actor, stranger: Actor, operator: User
) -> None:
    enter(operator)
    for person in (member, stranger):
        for method, path in (
            ("GET", "/operators/tenants"),
            ("POST", "/operators/entries"),
            ("POST", "/operators/tenants/alpha/suspend"),
        ):
            assert person.portal().call(method, path, {}).status == 404
    assert stranger.portal().get("/tenants/alpha/operator-entries").status == 404
    assert stranger.portal().get("/tenants/omega/operator-entries")["operator_entries"] == []
    with tenant_scope(tenant.id):
        assert Tenant.objects.get(id=tenant.id).state == "active"
