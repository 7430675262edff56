"""/assets, aliases, events, what is queued, materialise: as member, as somebody who may not, as a stranger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.assets import (
    alias,
    asset,
    both,
    consumer,
    event_of,
    produce,
    producer,
    runs_of,
)
from tests.support.walk import Walk, walk_for

A, B = asset("a", extra={"password": "hush", "team": "x"}), asset("b")


@pytest.fixture
def walk(tenant: Tenant) -> Walk:
    """`maker` emitted `a` (twice) and `b` through an alias; `taker` consumed the first, `both` waits for `c`."""
    producer(tenant, "maker", A, alias("latest"))
    consumer(tenant, "taker", A, max_active_runs=1)
    consumer(tenant, "waiter", both(A, asset("c")))
    walk = walk_for(tenant)
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 1})])
    through = event_of(B, extra={"n": 2}, source_alias_name="latest")
    produce(walk, "maker", alias("latest"), events=[through])
    return walk


def _ids(actor: Actor) -> dict[str, int]:
    return {one["name"]: one["id"] for one in actor.v2().get("/assets")["assets"]}


def test_assets_are_listed(walk: Walk, viewer: Actor) -> None:
    answer = viewer.v2().get("/assets")
    assert (answer.status, answer["total_entries"]) == (200, 3)
    first, *_ = answer["assets"]
    assert [one["name"] for one in answer["assets"]] == ["a", "c", "b"]
    assert first["extra"] == {"password": "***", "team": "x"}
    assert [ref["dag_id"] for ref in first["scheduled_dags"]] == ["taker", "waiter"]
    assert [(ref["dag_id"], ref["task_id"]) for ref in first["producing_tasks"]] == [("maker", "make")]
    assert (first["consuming_tasks"], first["aliases"], first["watchers"]) == ([], [], [])
    event = viewer.v2().get("/assets/events", {"asset_id": first["id"]})["asset_events"][0]
    assert first["last_asset_event"] == {"id": event["id"], "timestamp": event["timestamp"]}
    assert set(first) == {
        "id",
        "name",
        "uri",
        "group",
        "extra",
        "created_at",
        "updated_at",
        "scheduled_dags",
        "producing_tasks",
        "consuming_tasks",
        "aliases",
        "watchers",
        "last_asset_event",
    }
    assert viewer.v2().get(f"/assets/{first['id']}").body == first
    missing = viewer.v2().get("/assets/999")
    assert (missing.status, missing["detail"]) == (404, "The Asset with ID: `999` was not found")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name_pattern": "A"}, ["a"]),
        ({"uri_pattern": "s3://"}, ["a", "c", "b"]),
        ({"uri_prefix_pattern": "s3://b"}, ["b"]),
        ({"dag_ids": "waiter,maker"}, ["a", "c"]),
        ({"order_by": "-name"}, ["c", "b", "a"]),
        ({"limit": 1, "offset": 1}, ["c"]),
    ],
)
def test_assets_are_found(walk: Walk, viewer: Actor, query: dict[str, Any], names: list[str]) -> None:
    assert [one["name"] for one in viewer.v2().get("/assets", query)["assets"]] == names


def test_inactive_assets_are_shown_on_demand(walk: Walk, tenant: Tenant, viewer: Actor) -> None:
    consumer(tenant, "waiter", A)
    assert [one["name"] for one in viewer.v2().get("/assets")["assets"]] == ["a", "b"]
    everything = viewer.v2().get("/assets", {"only_active": "false"})["assets"]
    assert [one["name"] for one in everything] == ["a", "c", "b"]


def test_aliases(walk: Walk, viewer: Actor) -> None:
    answer = viewer.v2().get("/assets/aliases")
    assert answer.body == {
        "asset_aliases": [{"id": 1, "name": "latest", "group": "asset"}],
        "total_entries": 1,
    }
    assert viewer.v2().get("/assets/aliases/1")["name"] == "latest"
    assert viewer.v2().get("/assets/aliases/2")["detail"] == "The Asset Alias with ID: `2` was not found"
    resolved = viewer.v2().get(f"/assets/{_ids(viewer)['b']}")
    assert resolved["aliases"] == [{"id": 1, "name": "latest", "group": "asset"}]


def test_events(walk: Walk, tenant: Tenant, viewer: Actor) -> None:
    answer = viewer.v2().get("/assets/events")
    first, second = answer["asset_events"]
    assert (answer["total_entries"], first["extra"], second["extra"]) == (2, {"n": 1}, {"n": 2})
    assert (first["name"], first["source_dag_id"], first["source_map_index"]) == ("a", "maker", -1)
    (run,) = first["created_dagruns"]
    assert (run["dag_id"], run["run_id"], run["triggering"]) == (
        "taker",
        runs_of(tenant, "taker")[0].run_id,
        True,
    )
    found = viewer.v2().get("/assets/events", {"name_pattern": "b"})["asset_events"]
    assert [event["id"] for event in found] == [second["id"]]
    assert viewer.v2().get("/assets/events", {"source_dag_id": "no"})["total_entries"] == 0
    later = {"timestamp_gt": first["timestamp"], "order_by": "-timestamp"}
    assert [event["id"] for event in viewer.v2().get("/assets/events", later)["asset_events"]] == [
        second["id"]
    ]


def test_upstream_events_and_runs_by_asset(walk: Walk, tenant: Tenant, viewer: Actor) -> None:
    (run,) = runs_of(tenant, "taker")
    answer = viewer.v2().get(f"/dags/taker/dagRuns/{run.run_id}/upstreamAssetEvents")
    assert [(event["name"], event["extra"]) for event in answer["asset_events"]] == [("a", {"n": 1})]
    assert viewer.v2().get("/dags/taker/dagRuns/none/upstreamAssetEvents").status == 404
    found = viewer.v2().get("/dags/~/dagRuns", {"consuming_asset_pattern": "S3://A"})
    assert [one["dag_run_id"] for one in found["dag_runs"]] == [run.run_id]


def test_a_person_says_that_an_asset_was_updated(walk: Walk, tenant: Tenant, member: Actor) -> None:
    ids = _ids(member)
    said = member.v2().post("/assets/events", {"asset_id": ids["c"], "extra": {"by": "hand"}})
    assert said.status == 200
    assert (said["extra"], said["source_dag_id"], said["source_map_index"]) == (
        {"by": "hand", "from_rest_api": True},
        None,
        -1,
    )
    walk.schedule()
    assert len(runs_of(tenant, "waiter")) == 1
    assert member.v2().post("/assets/events", {"asset_id": 999}).status == 404
    assert member.v2().post("/assets/events", {"asset_id": ids["c"], "more": 1}).status == 422
    blank = member.v2().post("/assets/events", {"asset_id": ids["c"], "partition_key": " "})
    assert blank.status == 422
    assert "create_asset_event" in [e["event"] for e in member.v2().get("/eventLogs")["event_logs"]]


def test_materialise(walk: Walk, tenant: Tenant, member: Actor) -> None:
    ids = _ids(member)
    made = member.v2().post(f"/assets/{ids['a']}/materialize", {"conf": {"x": 1}})
    assert (made.status, made["dag_id"], made["run_type"], made["conf"]) == (
        200,
        "maker",
        "asset_materialization",
        {"x": 1},
    )
    assert made["dag_run_id"].startswith("asset_materialization__")
    assert member.v2().post(f"/assets/{ids['a']}/materialize").status == 200
    none = member.v2().post(f"/assets/{ids['c']}/materialize")
    assert (none.status, none["detail"]) == (404, f"No Dag materializes asset with ID: {ids['c']}")
    producer(tenant, "another", A)
    several = member.v2().post(f"/assets/{ids['a']}/materialize")
    assert (several.status, several["detail"]) == (
        409,
        f"More than one Dag materializes asset with ID: {ids['a']}",
    )


def test_materialise_only_where_the_author_allows(tenant: Tenant, member: Actor) -> None:
    producer(tenant, "maker", A, allowed_run_types=["scheduled"])
    answer = member.v2().post(f"/assets/{_ids(member)['a']}/materialize")
    assert (answer.status, answer["detail"]) == (
        400,
        "Dag with dag_id: 'maker' does not allow asset materialization runs",
    )


def test_what_is_queued(walk: Walk, viewer: Actor, member: Actor) -> None:
    ids = _ids(viewer)
    answer = viewer.v2().get("/dags/waiter/assets/queuedEvents")
    (queued,) = answer["queued_events"]
    assert (answer["total_entries"], queued["dag_id"], queued["asset_id"]) == (1, "waiter", ids["a"])
    assert queued["dag_display_name"] == "waiter"
    assert viewer.v2().get(f"/assets/{ids['a']}/queuedEvents").body == answer.body
    assert viewer.v2().get(f"/dags/waiter/assets/{ids['a']}/queuedEvents").body == queued
    missing = viewer.v2().get(f"/dags/waiter/assets/{ids['c']}/queuedEvents")
    assert missing["detail"] == f"Queued event with dag_id: `waiter` and asset_id: `{ids['c']}` was not found"
    old = viewer.v2().get("/dags/waiter/assets/queuedEvents", {"before": "2020-01-01T00:00:00Z"})
    assert old["total_entries"] == 0
    assert viewer.v2().delete("/dags/waiter/assets/queuedEvents").status == 403
    assert member.v2().delete("/dags/waiter/assets/queuedEvents").status == 204
    again = member.v2().delete("/dags/waiter/assets/queuedEvents")
    assert (again.status, again["detail"]) == (404, "Queue event with dag_id: `waiter` was not found")


def test_what_is_queued_is_deleted_by_asset(walk: Walk, tenant: Tenant, member: Actor) -> None:
    ids = _ids(member)
    assert member.v2().delete(f"/dags/waiter/assets/{ids['a']}/queuedEvents").status == 204
    assert member.v2().delete(f"/dags/waiter/assets/{ids['a']}/queuedEvents").status == 404
    assert member.v2().delete(f"/assets/{ids['a']}/queuedEvents").status == 404
    member.v2().post("/assets/events", {"asset_id": ids["c"]})
    walk.schedule()
    assert runs_of(tenant, "waiter") == []


def test_the_expression_of_a_dag(walk: Walk, viewer: Actor) -> None:
    ids = _ids(viewer)
    told = viewer.v2().get("/dags/waiter/details")["asset_expression"]
    assert told == {
        "all": [
            {"asset": {"uri": "s3://a", "name": "a", "group": "asset", "id": ids["a"]}},
            {"asset": {"uri": "s3://c", "name": "c", "group": "asset", "id": ids["c"]}},
        ]
    }
    assert viewer.v2().get("/dags/maker/details")["asset_expression"] is None


PATHS = [
    ("GET", "/assets"),
    ("GET", "/assets/1"),
    ("GET", "/assets/aliases"),
    ("GET", "/assets/aliases/1"),
    ("GET", "/assets/events"),
    ("POST", "/assets/events"),
    ("POST", "/assets/1/materialize"),
    ("GET", "/assets/1/queuedEvents"),
    ("DELETE", "/assets/1/queuedEvents"),
    ("GET", "/dags/waiter/assets/queuedEvents"),
    ("DELETE", "/dags/waiter/assets/queuedEvents"),
    ("GET", "/dags/waiter/assets/1/queuedEvents"),
    ("DELETE", "/dags/waiter/assets/1/queuedEvents"),
    ("GET", "/dags/taker/dagRuns/x/upstreamAssetEvents"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_stranger_finds_nothing(
    walk: Walk, tenant: Tenant, actor: Callable[..., Actor], other_tenant: Tenant, method: str, path: str
) -> None:
    stranger = actor("Admin", other_tenant)
    body = {"asset_id": 1} if path == "/assets/events" else None
    assert stranger.v2(tenant).call(method, path, body).status == 404
    at_home = stranger.v2().call(method, path, body)
    assert at_home.status == 404 or at_home["total_entries"] == 0


@pytest.mark.parametrize(("method", "path"), [each for each in PATHS if each[0] != "GET"])
def test_a_viewer_changes_nothing(walk: Walk, viewer: Actor, method: str, path: str) -> None:
    body = {"asset_id": 1} if path == "/assets/events" else None
    assert viewer.v2().call(method, path, body).status == 403
