"""…/taskInstances/{task_id}/state-store and /assets/{asset_id}/state-store, with and without a key."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from controlplane.execution import task_states
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.assets import asset
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.specs import dag, task

TASK = "/dags/beta/dagRuns/r1/taskInstances/a/state-store"
WRONG = [{"value": None}, {}, {"value": 1, "more": 1}, {"value": "x" * 70_000}]


@pytest.fixture(autouse=True)
def instance(tenant: Tenant) -> Any:
    spec = dag("beta", [task("a", outlets=[asset("orders")])])
    run = created_run(tenant, parsed_dag(tenant, spec), run_id="r1")
    return put_states(tenant, run, a="running")["a"]


@pytest.fixture
def store(tenant: Tenant) -> str:
    with tenant_scope(tenant.id):
        row = Asset.objects.get(name="orders")
    return f"/assets/{row.serial}/state-store"


def test_a_person_writes_and_the_task_reads(tenant: Tenant, member: Actor, instance: Any) -> None:
    assert member.v2().call("PUT", f"{TASK}/last/seen", {"value": {"id": 7}}).status == 204
    with tenant_scope(tenant.id):
        assert task_states.get(by=instance.id, epoch=instance.epoch, key="last/seen") == '{"id": 7}'
        assert WorkItem.objects.filter(kind="forget").exists(), "it ends by default"
    read = member.v2().get(f"{TASK}/last/seen").body
    ends = datetime.fromisoformat(read.pop("expires_at")) - datetime.fromisoformat(read.pop("updated_at"))
    assert read == {"key": "last/seen", "value": {"id": 7}}
    assert ends == timedelta(days=30)
    assert member.v2().patch(f"{TASK}/last/seen", {"value": 8}).status == 200
    changed = member.v2().get(f"{TASK}/last/seen")
    assert changed["value"] == 8 and changed["expires_at"] is not None
    assert member.v2().call("PUT", f"{TASK}/last/seen", {"value": 9, "expires_at": None}).status == 204
    assert member.v2().get(TASK).body == {
        "task_state_store": [member.v2().get(f"{TASK}/last/seen").body],
        "total_entries": 1,
    }
    assert member.v2().get(f"{TASK}/last/seen")["expires_at"] is None


def test_what_tasks_keep_is_forgotten(member: Actor) -> None:
    for key in ("a", "b"):
        member.v2().call("PUT", f"{TASK}/{key}", {"value": key})
    assert member.v2().delete(f"{TASK}/a").status == 204
    assert member.v2().delete(f"{TASK}/a").status == 204
    assert [one["key"] for one in member.v2().get(TASK)["task_state_store"]] == ["b"]
    assert member.v2().call("DELETE", TASK, query={"all_map_indices": "true"}).status == 204
    assert member.v2().get(TASK)["total_entries"] == 0


def test_a_task_that_is_not_there(member: Actor) -> None:
    told = "Task instance not found for dag_id='beta', run_id='r1', task_id='none', map_index=-1"
    lost = TASK.replace("/a/", "/none/")
    assert member.v2().call("PUT", f"{lost}/k", {"value": 1})["detail"] == told
    assert member.v2().delete(lost)["detail"] == told
    answer = member.v2().call("DELETE", lost, query={"all_map_indices": "true"})
    assert answer["detail"].endswith("all_map_indices=True")
    assert member.v2().get(lost).body == {"task_state_store": [], "total_entries": 0}
    assert (
        member.v2().patch(f"{TASK}/none", {"value": 1})["detail"] == "Task state store key 'none' not found"
    )
    assert member.v2().get(TASK, {"map_index": -2}).status == 422


def test_an_assets_values(member: Actor, store: str) -> None:
    assert member.v2().call("PUT", f"{store}/cursor/a", {"value": [1]}).status == 204
    read = member.v2().get(f"{store}/cursor/a").body
    assert read.pop("updated_at")
    nobody = {"dag_id": None, "run_id": None, "task_id": None, "map_index": None}
    assert read == {"key": "cursor/a", "value": [1], "last_updated_by": {"kind": "api", **nobody}}
    assert member.v2().get(store)["total_entries"] == 1
    assert member.v2().delete(f"{store}/cursor/a").status == 204
    assert member.v2().get(f"{store}/cursor/a")["detail"] == "Asset state store key 'cursor/a' not found"
    member.v2().call("PUT", f"{store}/k", {"value": 1})
    assert member.v2().delete(store).status == 204
    assert member.v2().get(store)["total_entries"] == 0
    assert member.v2().get("/assets/99/state-store")["detail"] == "Asset with id 99 not found"


@pytest.mark.parametrize("body", WRONG)
def test_mistakes_change_nothing(member: Actor, store: str, body: dict[str, Any]) -> None:
    for path in (TASK, store):
        assert member.v2().call("PUT", f"{path}/k", body).status == 422
        assert member.v2().get(path)["total_entries"] == 0
    assert member.v2().call("PUT", f"{TASK}/k", {"value": 1, "expires_at": "tomorrow"}).status == 422
    assert member.v2().call("PUT", f"{TASK}/{'k' * 600}", {"value": 1}).status == 422


def test_viewers_look_and_strangers_find_nothing(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor, store: str
) -> None:
    for path in (TASK, store):
        assert member.v2().call("PUT", f"{path}/k", {"value": 1}).status == 204
        assert viewer.v2().get(f"{path}/k")["value"] == 1
        for method, place in [("PUT", f"{path}/k"), ("DELETE", f"{path}/k"), ("DELETE", path)]:
            assert viewer.v2().call(method, place, {"value": 2}).status == 403
            assert stranger.v2(at=tenant).call(method, place, {"value": 2}).body == {"detail": "Not Found"}
            assert stranger.v2().call(method, place, {"value": 2}).status == 404
        assert member.v2().get(f"{path}/k")["value"] == 1
