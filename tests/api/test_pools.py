"""GET, POST /pools; GET, PATCH, DELETE /pools/{pool_name}."""

from __future__ import annotations

import pytest

from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.queries import QueryCounter
from tests.support.specs import dag, task


def test_slots_are_counted_by_state(tenant: Tenant, viewer: Actor) -> None:
    names = {"a": "running", "b": "queued", "c": "scheduled", "d": "deferred", "e": None}
    spec = dag("beta", [task(name, pool_slots=2) for name in names])
    put_states(tenant, created_run(tenant, parsed_dag(tenant, spec)), **names)
    [pool] = viewer.v2().get("/pools")["pools"]
    assert pool == {
        "name": "default_pool",
        "slots": 128,
        "description": "Default pool",
        "include_deferred": False,
        "occupied_slots": 4,
        "running_slots": 2,
        "queued_slots": 2,
        "scheduled_slots": 2,
        "open_slots": 124,
        "deferred_slots": 2,
        "team_name": None,
    }


def test_a_pools_life(tenant: Tenant, member: Actor) -> None:
    made = member.v2().post("/pools", {"name": "a/b", "slots": -1, "description": None})
    assert (made.status, made["open_slots"], made["description"]) == (201, -1, "")
    again = member.v2().post("/pools", {"name": "a/b", "slots": 1})
    assert (again.status, again["detail"]["reason"]) == (409, "Unique constraint violation")
    changed = member.v2().patch("/pools/a/b", {"slots": 3, "description": "x"}, {"update_mask": "slots"})
    assert (changed["slots"], changed["description"]) == (3, "")
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="admit").exists()
    assert member.v2().delete("/pools/a/b").status == 204
    assert member.v2().delete("/pools/a/b").status == 404
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == ["post_pool", "patch_pool", "delete_pool"]


def test_the_default_pool_stays(member: Actor) -> None:
    assert member.v2().delete("/pools/default_pool").status == 400
    assert member.v2().patch("/pools/default_pool", {"description": "x"}).status == 400
    assert member.v2().patch("/pools/default_pool", {"slots": 5})["slots"] == 5


@pytest.mark.parametrize(
    "body",
    [
        {"name": "p"},
        {"name": "p", "slots": -2},
        {"name": "p", "slots": "many"},
        {"name": "x" * 257, "slots": 1},
        {"name": "p", "slots": 1, "team_name": "red"},
        {"name": "p", "slots": 1, "other": 1},
        {"name": "p", "slots": 2**31},
    ],
)
def test_malformed_pools(member: Actor, body: dict[str, object]) -> None:
    assert member.v2().post("/pools", body).status == 422
    assert member.v2().get("/pools")["total_entries"] == 1


def test_other_roles_and_strangers(tenant: Tenant, viewer: Actor, member: Actor, stranger: Actor) -> None:
    member.v2().post("/pools", {"name": "small", "slots": 2})
    for who in (viewer.v2(), stranger.v2(at=tenant)):
        assert who.post("/pools", {"name": "p", "slots": 1}).status in (403, 404)
        assert who.patch("/pools/small", {"slots": 9}).status in (403, 404)
        assert who.delete("/pools/small").status in (403, 404)
    assert viewer.v2().get("/pools/small")["slots"] == 2
    assert stranger.v2().get("/pools/small").status == 404
    # The same name in the stranger's tenant is another pool.
    assert stranger.v2().post("/pools", {"name": "small", "slots": 7}).status == 201
    assert viewer.v2().get("/pools/small")["slots"] == 2


def test_order_and_pattern(member: Actor) -> None:
    for name in ("b", "a"):
        member.v2().post("/pools", {"name": name, "slots": 1})
    names = [pool["name"] for pool in member.v2().get("/pools", {"order_by": "name"})["pools"]]
    assert names == ["a", "b", "default_pool"]
    assert member.v2().get("/pools", {"pool_name_pattern": "EFA"})["total_entries"] == 1


def test_the_list_asks_as_often_for_any_number(member: Actor, count_queries: QueryCounter) -> None:
    for number in range(5):
        member.v2().post("/pools", {"name": f"p{number}", "slots": 1})
    with count_queries(5):  # who asks, scope, page, count, slots taken
        member.v2().get("/pools")
