"""POST …/xcomEntries; PATCH and DELETE …/xcomEntries/{xcom_key}."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.execution.xcoms import XComName, get_xcom
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain

PATH = "/dags/beta/dagRuns/r1/taskInstances/task_0/xcomEntries"


@pytest.fixture(autouse=True)
def run(tenant: Tenant) -> None:
    created_run(tenant, parsed_dag(tenant, chain("beta", 2)), run_id="r1")


@pytest.mark.parametrize("value", [{"rows": [1, 2.5]}, "text", 0, None, [], "a" * 300_000])
def test_what_people_write_is_what_tasks_read(tenant: Tenant, member: Actor, value: Any) -> None:
    made = member.v2().post(PATH, {"key": "a/b", "value": value, "map_index": 3})
    assert (made.status, made["value"], made["map_index"]) == (201, value, 3)
    assert member.v2().get(f"{PATH}/a/b", {"map_index": 3})["value"] == value
    with tenant_scope(tenant.id):
        import json

        name = XComName(dag_id="beta", run_id="r1", task_id="task_0", key="a/b")
        assert json.loads(get_xcom(name=name, map_index=3)) == value


def test_an_entrys_life(member: Actor) -> None:
    assert member.v2().post(PATH, {"key": "k", "value": 1}).status == 201
    again = member.v2().post(PATH, {"key": "k", "value": 2})
    assert again.status == 409
    assert again["detail"] == "The XCom with key: `k` with mentioned task instance already exists."
    assert member.v2().patch(f"{PATH}/k", {"value": {"n": 2}})["value"] == {"n": 2}
    assert member.v2().get(f"{PATH}/k")["value"] == {"n": 2}
    assert member.v2().patch(f"{PATH}/none", {"value": 2}).status == 404
    assert member.v2().delete(f"{PATH}/k").status == 204
    gone = member.v2().delete(f"{PATH}/k")
    assert gone["detail"] == "The XCom with key: `k` with mentioned task instance doesn't exist."
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == ["create_xcom_entry", "update_xcom_entry", "delete_xcom_entry"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "k"}, 422),
        ({"value": 1}, 422),
        ({"key": "k", "value": 1, "other": 1}, 422),
        ({"key": "k", "value": {"__classname__": "x"}}, 422),
        ({"key": "k", "value": [{"a": {"__type": "x"}}]}, 422),
        ({"key": "k", "value": '{"__var": 1}'}, 422),
        ({"key": "x" * 513, "value": 1}, 422),
        ({"key": "k", "value": 1, "map_index": 2**40}, 422),
        ({"key": "skipmixin_key", "value": "a" * 2_000_000}, 413),
    ],
)
def test_mistakes_change_nothing(member: Actor, body: dict[str, Any], status: int) -> None:
    assert member.v2().post(PATH, body).status == status
    assert member.v2().get(PATH)["total_entries"] == 0


def test_what_is_not_there(member: Actor) -> None:
    body = {"key": "k", "value": 1}
    for path, told in [
        (PATH.replace("beta", "none"), "The Dag with ID: `none` was not found"),
        (PATH.replace("task_0", "none"), "Task with ID: `none` not found in dag: `beta`"),
        (PATH.replace("r1", "none"), "Dag Run with ID: `none` not found for dag: `beta`"),
    ]:
        answer = member.v2().post(path, body)
        assert (answer.status, answer["detail"]) == (404, told)


def test_viewers_may_not_and_strangers_find_nothing(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    member.v2().post(PATH, {"key": "k", "value": 1})
    for method, path, body in [
        ("POST", PATH, {"key": "new", "value": 2}),
        ("PATCH", f"{PATH}/k", {"value": 2}),
        ("DELETE", f"{PATH}/k", None),
    ]:
        assert viewer.v2().call(method, path, body).status == 403
        assert stranger.v2(at=tenant).call(method, path, body).body == {"detail": "Not Found"}
        assert stranger.v2().call(method, path, body).status == 404
    assert member.v2().get(f"{PATH}/k")["value"] == 1
    assert member.v2().get(PATH)["total_entries"] == 1
