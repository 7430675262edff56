"""Grants of parts of a tenant: GET, POST /tenants/{slug}/grants; DELETE …/{id}; and what they open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.grant import Grant, GrantTarget
from tenants.models.membership import Membership
from tenants.models.role import Role
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.factories import created_run, parsed_dag
from tests.support.queries import counted
from tests.support.specs import chain

GRANTS = "/tenants/alpha/grants"
RUN = {"logical_date": None}


def grant(by: Actor, to: Actor, kind: str, name: str, level: str = "edit") -> Any:
    body = {"username": to.user.username, "kind": kind, "name": name, "level": level}
    made = by.portal().post(GRANTS, body)
    assert made.status == 201, made.body
    return made


@pytest.fixture
def nothing(tenant: Tenant, actor: Callable[[str], Actor], member: Actor) -> Actor:
    """A member whose role allows nothing."""
    person = actor("Viewer")
    assert member.portal().post("/tenants/alpha/roles", {"name": "Guest", "permissions": []}).status == 201
    Membership.objects.using("auth").filter(user_id=person.user.id).update(role="Guest")
    return person


@pytest.fixture
def dags(tenant: Tenant) -> list[str]:
    """Three DAGs with a run each: `b` has the tag etl, `c` the owner ann."""
    for name in ("a", "b", "c"):
        created_run(tenant, parsed_dag(tenant, chain(name, 2)), run_id=f"run-{name}")
    with tenant_scope(tenant.id):
        Dag.objects.filter(dag_id="b").update(tags=["etl"])
        Dag.objects.filter(dag_id="c").update(owners=["ann"])
    return ["a", "b", "c"]


def statements(door: Door) -> int:
    """How many a list of runs takes, on all connections together."""
    with counted() as seen:
        assert door.get("/dags/~/dagRuns").status == 200
    return len(seen)


def listed(person: Actor) -> list[str]:
    return [row["dag_id"] for row in person.v2().get("/dags")["dags"]]


def test_a_viewer_with_an_edit_grant_on_one_dag_runs_that_one_only(
    tenant: Tenant, member: Actor, viewer: Actor, dags: list[str]
) -> None:
    assert viewer.v2().post("/dags/a/dagRuns", RUN).status == 403
    made = grant(member, viewer, "dag", "a")
    assert viewer.v2().post("/dags/a/dagRuns", RUN).status == 200
    assert viewer.v2().post("/dags/b/dagRuns", RUN).status == 403  # they see it, so it is no secret
    assert viewer.v2().patch("/dags/a", {"is_paused": True}).status == 200
    assert viewer.v2().patch("/dags/b", {"is_paused": True}).status == 403
    assert viewer.v2().delete("/dags/b/dagRuns/run-b").status == 403
    assert listed(viewer) == dags
    assert viewer.portal().post("/tenants/alpha/dags/a/resume", {}).status == 200
    assert viewer.portal().post("/tenants/alpha/dags/b/resume", {})["code"] == "permission-missing"
    with tenant_scope(tenant.id):
        assert DagRun.objects.exclude(dag_id="a").count() == 2
        assert not Dag.objects.filter(is_paused=True).exists()
    assert member.portal().delete(f"{GRANTS}/{made['id']}").status == 204
    assert viewer.v2().post("/dags/a/dagRuns", RUN).status == 403


@pytest.mark.parametrize(
    ("kind", "name", "seen"), [("dag", "a", "a"), ("tag", "etl", "b"), ("owner", "ann", "c")]
)
def test_a_person_with_only_grants_sees_only_what_is_granted(
    tenant: Tenant, member: Actor, nothing: Actor, dags: list[str], kind: str, name: str, seen: str
) -> None:
    assert nothing.v2().get("/dags").status == 403
    grant(member, nothing, kind, name, "read")
    assert listed(nothing) == [seen]
    runs = nothing.v2().get("/dags/~/dagRuns")
    assert ([run["dag_id"] for run in runs["dag_runs"]], runs["total_entries"]) == ([seen], 1)
    tasks = nothing.v2().get("/dags/~/dagRuns/~/taskInstances")
    assert ({task["dag_id"] for task in tasks["task_instances"]}, tasks["total_entries"]) == ({seen}, 2)
    for other in set(dags) - {seen}:
        there, absent = nothing.v2().get(f"/dags/{other}"), nothing.v2().get("/dags/nosuch")
        assert there.status == absent.status == 404
        assert str(there.body).replace(f"`{other}`", "`nosuch`") == str(absent.body)
        assert nothing.v2().get(f"/dags/{other}/dagRuns/run-{other}").status == 404
        assert nothing.portal().get(f"/tenants/alpha/dags/{other}").status == 404
    assert nothing.v2().get(f"/dags/{seen}/details").status == 200
    assert nothing.v2().post(f"/dags/{seen}/dagRuns", RUN).status == 403
    assert nothing.v2().get("/pools").status == 403
    assert nothing.portal().get("/tenants/alpha/roles").status == 403


def test_pages_of_what_is_granted_are_whole(tenant: Tenant, member: Actor, nothing: Actor) -> None:
    """Offsets and keysets count in the part alone: no empty pages, none short, none twice."""
    for name in ("granted", "other"):
        dag = parsed_dag(tenant, chain(name, 1))
        for number in range(7):
            created_run(tenant, dag, run_id=f"{name}-{number}")
    grant(member, nothing, "dag", "granted", "read")
    seen, cursor, sizes = [], "", []
    while cursor is not None:
        page = nothing.v2().get("/dags/~/dagRuns", {"cursor": cursor, "limit": 3})
        seen += [run["dag_run_id"] for run in page["dag_runs"]]
        sizes.append(len(page["dag_runs"]))
        assert page["total_entries"] == 7
        cursor = page["next_cursor"]
    assert (sorted(seen), sizes) == ([f"granted-{n}" for n in range(7)], [3, 3, 1])
    second = nothing.v2().get("/dags/~/dagRuns", {"limit": 3, "offset": 6})
    assert len(second["dag_runs"]) == 1


def test_a_list_costs_one_look_up_more_however_many_grants_and_rows(
    tenant: Tenant, member: Actor, nothing: Actor, viewer: Actor, dags: list[str]
) -> None:
    grant(member, nothing, "dag", "a", "read")
    ask, plain = nothing.v2(), viewer.v2()
    for door in (ask, plain):
        door.get("/dags/~/dagRuns")  # what is remembered between requests is remembered now
    usual = statements(plain)
    assert statements(ask) == usual + 1
    for name in dags[1:]:
        grant(member, nothing, "dag", name, "read")
    ask.get("/dags/~/dagRuns")
    assert statements(ask) == usual + 1


def test_pools_connections_and_variables_are_granted_by_name_and_beginning(
    tenant: Tenant, member: Actor, nothing: Actor
) -> None:
    admin = member.v2()
    for name in ("fast", "faster"):
        assert admin.post("/pools", {"name": name, "slots": 1}).status == 201
    for name in ("etl_a", "web_a"):
        assert admin.post("/variables", {"key": name, "value": "v"}).status == 201
        assert admin.post("/connections", {"connection_id": name, "conn_type": "http"}).status == 201
    grant(member, nothing, "pool", "fast")
    grant(member, nothing, "variable", "etl_")
    grant(member, nothing, "connection", "etl_", "read")
    person = nothing.v2()
    assert [row["name"] for row in person.get("/pools")["pools"]] == ["fast"]
    assert person.patch("/pools/fast", {"slots": 5}).status == 200
    assert person.get("/pools/faster").status == 404
    assert person.patch("/pools/faster", {"slots": 5}).status == 404
    assert person.post("/pools", {"name": "mine", "slots": 1}).status == 403
    assert [row["key"] for row in person.get("/variables")["variables"]] == ["etl_a"]
    assert person.post("/variables", {"key": "etl_b", "value": "v"}).status == 201
    assert person.post("/variables", {"key": "web_b", "value": "v"}).status == 403
    assert person.delete("/variables/web_a").status == 404
    assert person.delete("/variables/etl_a").status == 204
    assert [row["connection_id"] for row in person.get("/connections")["connections"]] == ["etl_a"]
    assert person.get("/connections/web_a").status == 404
    assert person.delete("/connections/etl_a").status == 403
    assert {row["key"] for row in admin.get("/variables")["variables"]} == {"etl_b", "web_a"}


def test_many_at_once_reaches_the_part_only(
    tenant: Tenant, member: Actor, viewer: Actor, dags: list[str]
) -> None:
    grant(member, viewer, "dag", "a")
    viewer.v2().patch("/dags", {"is_paused": True}, {"dag_id_pattern": "~"})
    with tenant_scope(tenant.id):
        assert list(Dag.objects.filter(is_paused=True).values_list("dag_id", flat=True)) == ["a"]
    actions = [{"action": "delete", "entities": [{"dag_id": n, "dag_run_id": f"run-{n}"} for n in dags]}]
    viewer.v2().patch("/dags/~/dagRuns", {"actions": actions})
    with tenant_scope(tenant.id):
        assert DagRun.objects.filter(run_id__in=["run-b", "run-c"]).count() == 2


def test_a_service_account_has_grants_too_within_its_tokens_scopes(
    tenant: Tenant, member: Actor, nothing: Actor, dags: list[str]
) -> None:
    account = member.portal().post("/tenants/alpha/service-accounts", {"name": "ci", "role": "Guest"})
    body = {"service_account": "ci", "kind": "dag", "name": "a", "level": "edit"}
    made = member.portal().post(GRANTS, body)
    assert (made.status, made["grantee"], made["grantee_kind"]) == (201, "ci", "service_account")
    path = f"/tenants/alpha/service-accounts/{account['id']}/tokens"
    whole = member.portal().post(path, {"name": "t"})["token"]
    narrow = member.portal().post(path, {"name": "n", "scopes": ["dags.read"]})["token"]
    doors = [Door(prefix="/t/alpha/api/v2", token=token) for token in (whole, narrow)]
    assert [[row["dag_id"] for row in door.get("/dags")["dags"]] for door in doors] == [["a"], ["a"]]
    assert [door.post("/dags/a/dagRuns", RUN).status for door in doors] == [200, 403]
    assert doors[0].post("/dags/b/dagRuns", RUN).status == 404


def test_nobody_grants_more_than_they_hold(
    tenant: Tenant, member: Actor, actor: Callable[[str], Actor]
) -> None:
    giver, taker = actor("Viewer"), actor("Viewer")
    permissions = ["grants.edit", "dags.read", "runs.read", "logs.read"]
    member.portal().post("/tenants/alpha/roles", {"name": "Giver", "permissions": permissions})
    Membership.objects.using("auth").filter(user_id=giver.user.id).update(role="Giver")
    body = {"username": taker.user.username, "kind": "dag", "name": "a"}
    assert giver.portal().post(GRANTS, {**body, "level": "read"}).status == 201
    answer = giver.portal().post(GRANTS, {**body, "level": "edit"})
    assert (answer.status, answer["code"]) == (403, "role-beyond")
    given = grant(member, taker, "dag", "a")
    assert giver.portal().delete(f"{GRANTS}/{given['id']}")["code"] == "role-beyond"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "planet"}, "grant-invalid"),
        ({"level": "own"}, "grant-invalid"),
        ({"name": ""}, "malformed"),
        ({"username": "nobody"}, "grant-invalid"),
        ({"service_account": "x"}, "grant-invalid"),
        ({"username": None}, "malformed"),
    ],
)
def test_what_is_wrong_is_said(tenant: Tenant, member: Actor, viewer: Actor, change: Any, code: str) -> None:
    body = {"username": viewer.user.username, "kind": "dag", "name": "a", "level": "read", **change}
    answer = member.portal().post(GRANTS, body)
    assert (answer.status, answer["code"]) == (422, code)
    with tenant_scope(tenant.id):
        assert not Grant.objects.exists()


def test_again_changes_nothing_and_the_last_one_takes_its_target_along(
    tenant: Tenant, member: Actor, viewer: Actor
) -> None:
    first, second = (grant(member, viewer, "tag", "etl") for _ in range(2))
    assert first["id"] == second["id"]
    [shown] = member.portal().get(GRANTS)["grants"]
    assert (shown["grantee"], shown["level"], shown["granted_by"]) == (
        viewer.user.username,
        "edit",
        member.user.username,
    )
    assert member.portal().delete(f"{GRANTS}/{first['id']}").status == 204
    assert member.portal().delete(f"{GRANTS}/{first['id']}").status == 404
    with tenant_scope(tenant.id):
        assert not GrantTarget.objects.exists()


def test_other_roles_and_strangers(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    made = grant(member, viewer, "dag", "a")
    for method, path in (("GET", GRANTS), ("POST", GRANTS), ("DELETE", f"{GRANTS}/{made['id']}")):
        assert viewer.portal().call(method, path, {})["code"] == "permission-missing"
        assert stranger.portal().call(method, path, {}).status == 404
    assert stranger.portal().delete(f"/tenants/omega/grants/{made['id']}").status == 404
    body = {"username": viewer.user.username, "kind": "dag", "name": "a", "level": "read"}
    assert stranger.portal().post("/tenants/omega/grants", body)["code"] == "grant-invalid"
    with tenant_scope(tenant.id):
        assert Grant.objects.count() == 1
        assert Role.objects.count() == 0


def test_a_grant_without_its_membership_opens_nothing(
    tenant: Tenant, member: Actor, nothing: Actor, dags: list[str]
) -> None:
    grant(member, nothing, "dag", "a")
    Membership.objects.using("auth").filter(user_id=nothing.user.id).delete()
    assert nothing.v2().get("/dags/a").status == 404
