"""Assets, their events and what is kept with them, as running tasks ask for them; never another tenant's."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.ledger.models.dag import Dag
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.actors import Door
from tests.support.assets import alias, asset, consumer, event_of, produce, producer, runs_of
from tests.support.attempts import running_try
from tests.support.factories import make_tenant, parsed_dag
from tests.support.walk import walk_for

A, B = asset("a", extra={"team": "x"}), asset("b")


@pytest.fixture
def door(tenant: Tenant) -> Door:
    """A task of a tenant in which `a` had two events and an alias went to `b`."""
    producer(tenant, "maker", A, alias("latest"))
    producer(tenant, "other", B)
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    through = event_of(B, extra={"n": 3}, source_alias_name="latest")
    produce(walk, "maker", A, alias("latest"), events=[event_of(A, extra={"n": 1}), through])
    produce(walk, "maker", A, alias("latest"), events=[event_of(A, extra={"n": 2})])
    return running_try(tenant).door()


@pytest.fixture
def stranger(door: Door) -> Door:
    other = make_tenant()
    return running_try(other).door()


def test_by_name_uri_and_alias(door: Door, stranger: Door) -> None:
    expected = {"name": "a", "uri": "s3://a", "group": "asset", "extra": {"team": "x"}}
    assert door.get("assets/by-name", {"name": "a"}).body == expected
    assert door.get("assets/by-uri", {"uri": "s3://a"}).body == expected
    found: Any = door.get("assets/by-alias", {"alias_name": "latest"}).body
    assert [one["name"] for one in found] == ["b"]
    assert door.get("assets/by-alias", {"alias_name": "none"}).body == []
    for path, query in (("assets/by-name", {"name": "a"}), ("assets/by-uri", {"uri": "s3://a"})):
        answer = stranger.call("GET", path, query=query)
        assert (answer.status, answer["detail"]["reason"]) == (404, "not_found")
    assert stranger.get("assets/by-alias", {"alias_name": "latest"}).body == []


def _numbers(answer: Any) -> list[int]:
    return [event["extra"]["n"] for event in answer["asset_events"]]


def test_events_by_asset(door: Door, stranger: Door, tenant: Tenant) -> None:
    both = door.get("asset-events/by-asset", {"name": "a", "uri": "s3://a"})
    first, second = both["asset_events"]
    assert [first["extra"], second["extra"]] == [{"n": 1}, {"n": 2}]
    assert (first["asset"]["name"], first["source_dag_id"], first["source_task_id"]) == ("a", "maker", "make")
    assert [run["run_id"] for run in first["created_dagruns"]] == [runs_of(tenant, "taker")[0].run_id]
    assert first["created_dagruns"][0]["start_date"] is not None
    assert _numbers(door.get("asset-events/by-asset", {"name": "a"})) == [1, 2]
    assert _numbers(door.get("asset-events/by-asset", {"uri": "s3://a", "ascending": "false"})) == [2, 1]
    assert _numbers(door.get("asset-events/by-asset", {"name": "a", "limit": 1})) == [1]
    later = {"name": "a", "after": second["timestamp"]}
    assert _numbers(door.get("asset-events/by-asset", later)) == [2]
    assert _numbers(door.get("asset-events/by-asset", {"name": "a", "before": first["timestamp"]})) == [1]
    assert door.call("GET", "asset-events/by-asset", query={"name": ""}).status == 400
    assert _numbers(stranger.get("asset-events/by-asset", {"name": "a", "uri": "s3://a"})) == []


def test_events_by_alias(door: Door, stranger: Door) -> None:
    assert _numbers(door.get("asset-events/by-asset-alias", {"name": "latest"})) == [3]
    assert _numbers(stranger.get("asset-events/by-asset-alias", {"name": "latest"})) == []


@pytest.mark.parametrize("by", [{"name": "a"}, {"uri": "s3://a"}])
def test_values_are_kept_with_an_asset(door: Door, stranger: Door, by: dict[str, str]) -> None:
    base = f"store/asset/by-{next(iter(by))}"
    one = {**by, "key": "one/with slash"}
    assert door.call("GET", f"{base}/value", query=one).status == 404
    assert door.call("PUT", f"{base}/value", {"value": {"seen": 5}}, query=one).status == 204
    assert door.call("PUT", f"{base}/value", {"value": [1]}, query={**by, "key": "two"}).status == 204
    assert door.get(f"{base}/value", one).body == {"value": {"seen": 5}}
    assert door.call("PUT", f"{base}/value", {"value": 6}, query=one).status == 204
    assert door.get(f"{base}/value", one).body == {"value": 6}
    assert stranger.call("GET", f"{base}/value", query=one).status == 404
    assert stranger.call("PUT", f"{base}/value", {"value": 1}, query=one).status == 404
    assert stranger.call("DELETE", f"{base}/clear", query=by).status == 404
    assert door.call("DELETE", f"{base}/value", query=one).status == 204
    assert door.call("DELETE", f"{base}/value", query=one).status == 204
    assert door.call("GET", f"{base}/value", query=one).status == 404
    assert door.call("DELETE", f"{base}/clear", query=by).status == 204
    assert door.call("GET", f"{base}/value", query={**by, "key": "two"}).status == 404
    assert door.call("PUT", f"{base}/value", {"value": None}, query=one).status == 422
    assert door.call("GET", f"{base}/value", query={**by, "key": ""}).status == 422


def test_an_asset_whose_name_another_has_is_not_active(tenant: Tenant) -> None:
    one = running_try(tenant, _producing(tenant, "one", asset("same", "s3://one")))
    two = running_try(tenant, _producing(tenant, "two", asset("same", "s3://two"), asset("fine")))
    validate = "task-instances/{}/validate-inlets-and-outlets"
    assert one.door().get(validate.format(one.id)).body == {"inactive_assets": []}
    found = two.door().get(validate.format(two.id)).body
    assert found == {"inactive_assets": [{"name": "same", "uri": "s3://two", "type": "Asset"}]}


def _producing(tenant: Tenant, dag_id: str, *outlets: dict[str, Any]) -> Dag:
    return parsed_dag(tenant, specs.dag(dag_id, [specs.task("first", outlets=list(outlets))]))
