"""PATCH and DELETE of task instances, groups, runs and DAGs: who may, what is answered, what is told."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.actors import Actor
from tests.support.hands import finish
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def it(tenant: Tenant) -> Scene:
    """first -> many[0..1] (in group g) -> last; all waits for first."""
    return scene(
        tenant,
        specs.task("first", "many"),
        specs.task("many", "last", group_id="g", is_mapped=True, expand={"kind": "literal", "length": 2}),
        specs.task("last"),
        groups=[{"group_id": "g"}],
    )


def _path(it: Scene, *more: str) -> str:
    return "/".join((f"/dags/scene/dagRuns/{it.run.run_id}", *more))


def states(answer: Any) -> dict[str, str | None]:
    return {f"{one['task_id']}[{one['map_index']}]": one["state"] for one in answer["task_instances"]}


def test_a_task_is_marked_and_noted(it: Scene, member: Actor, tenant: Tenant) -> None:
    path = _path(it, "taskInstances", "first")
    answer = member.v2().patch(path, {"new_state": "success", "note": "by hand"})
    assert (answer.status, states(answer)) == (200, {"first[-1]": "success"})
    assert answer["task_instances"][0]["note"] == "by hand"
    again = member.v2().patch(path, {"new_state": "success"})
    assert (again.status, again["detail"]) == (409, "Task id first is already in success state")
    assert member.v2().patch(path, {"note": ""})["task_instances"][0]["note"] is None
    masked = member.v2().patch(path, {"new_state": "failed", "note": "n"}, {"update_mask": "note"})
    assert (states(masked), masked["task_instances"][0]["note"]) == ({"first[-1]": "success"}, "n")
    with tenant_scope(tenant.id):
        told = EventLog.objects.order_by("serial").first()
    assert told is not None and (told.event, told.task_id, told.run_id) == (
        "patch_task_instance",
        "first",
        it.run.run_id,
    )
    invariants.check(tenant)


def test_a_dry_run_changes_nothing(it: Scene, member: Actor) -> None:
    path = _path(it, "taskInstances", "first", "dry_run")
    answer = member.v2().patch(path, {"new_state": "failed", "include_downstream": True})
    assert set(states(answer)) == {"first[-1]", "many[0]", "many[1]", "last[-1]"}
    assert set(it.states().values()) == {None}
    group = member.v2().patch(_path(it, "taskGroupInstances", "g", "dry_run"), {"new_state": "failed"})
    assert set(states(group)) == {"many[0]", "many[1]"}


def test_one_index(it: Scene, member: Actor, tenant: Tenant) -> None:
    answer = member.v2().patch(_path(it, "taskInstances", "many", "1"), {"new_state": "skipped"})
    assert states(answer) == {"many[1]": "skipped"}
    assert it.states() == {"first": None, "many[0]": None, "many[1]": "skipped", "last": None}
    invariants.check(tenant)


def test_a_group(it: Scene, member: Actor, tenant: Tenant) -> None:
    path = _path(it, "taskGroupInstances", "g")
    assert states(member.v2().patch(path, {"new_state": "success"})) == {
        "many[0]": "success",
        "many[1]": "success",
    }
    again = member.v2().patch(path, {"new_state": "success"})
    assert (again.status, again["detail"]) == (
        409,
        "All task instances in the group are already in success state",
    )
    unknown = member.v2().patch(_path(it, "taskGroupInstances", "none"), {"new_state": "success"})
    assert unknown["detail"] == "Task group 'none' not found in DAG 'scene'"
    elsewhere = member.v2().patch("/dags/scene/dagRuns/none/taskGroupInstances/g", {"note": "n"})
    assert elsewhere["detail"] == "No task instances found for task group 'g' in dag run 'none'"
    invariants.check(tenant)


@pytest.mark.parametrize("state", [None, "running", "removed", 3])
def test_states_that_nobody_may_say(it: Scene, member: Actor, state: Any) -> None:
    assert member.v2().patch(_path(it, "taskInstances", "first"), {"new_state": state}).status == 422


def test_what_is_not_there(it: Scene, member: Actor) -> None:
    body = {"new_state": "success"}
    assert member.v2().patch(_path(it, "taskInstances", "none"), body)["detail"] == (
        "Task 'none' not found in Dag 'scene'"
    )
    for path in (_path(it, "taskInstances", "many", "7"), "/dags/scene/dagRuns/none/taskInstances/first"):
        assert member.v2().patch(path, body).status == 404
    assert member.v2().patch("/dags/none/dagRuns/r/taskInstances/t", body)["detail"] == (
        "The Dag with ID: `none` was not found"
    )


def test_many_at_once(it: Scene, member: Actor, tenant: Tenant) -> None:
    path = _path(it, "taskInstances")
    update = {
        "action": "update",
        "entities": [
            {"task_id": "first", "new_state": "success"},
            {"task_id": "many", "map_index": 0, "new_state": "skipped", "note": "n"},
        ],
    }
    delete = {"action": "delete", "entities": [{"task_id": "many", "map_index": 1}]}
    create = {"action": "create", "entities": []}
    answer = member.v2().patch(path, {"actions": [update, delete, create]})
    run = f"scene.{it.run.run_id}"
    assert sorted(answer["update"]["success"]) == [f"{run}.first[-1]", f"{run}.many[0]"]
    assert answer["delete"] == {"success": [f"{run}.many[1]"], "errors": []}
    assert answer["create"]["errors"][0]["status_code"] == 405
    assert it.states() == {"first": "success", "many[0]": "skipped", "last": None}
    invariants.check(tenant)
    finish(it)
    assert it.states()["last"] == "skipped"


def test_many_of_which_some_are_missing(it: Scene, member: Actor) -> None:
    path = _path(it, "taskInstances")
    entities = [{"task_id": "first", "map_index": 4}, "none"]
    strict = member.v2().patch(path, {"actions": [{"action": "delete", "entities": entities}]})
    assert strict["delete"]["errors"][0]["status_code"] == 404 and strict["update"] is None
    lenient = {"action": "delete", "entities": entities, "action_on_non_existence": "skip"}
    assert member.v2().patch(path, {"actions": [lenient]})["delete"] == {"success": [], "errors": []}
    wild = member.v2().patch("/dags/~/dagRuns/~/taskInstances", {"actions": [lenient]})
    assert {one["status_code"] for one in wild["delete"]["errors"]} == {400}
    assert member.v2().patch(path, {"actions": [{"action": "shake", "entities": []}]}).status == 422


def test_one_is_deleted(it: Scene, member: Actor, tenant: Tenant) -> None:
    path = _path(it, "taskInstances", "first")
    answer = member.v2().delete(path)
    assert (answer.status, answer.body) == (200, None)
    assert member.v2().delete(path).status == 404
    invariants.check(tenant)
    finish(it)
    assert it.states() == {"many[0]": "success", "many[1]": "success", "last": "success"}


def test_runs_are_marked_noted_and_deleted_at_once(it: Scene, member: Actor, tenant: Tenant) -> None:
    other = it.walk.trigger("scene")
    path = "/dags/scene/dagRuns"
    update = {
        "action": "update",
        "entities": [{"dag_run_id": it.run.run_id, "state": "failed", "note": "enough"}],
    }
    assert member.v2().patch(path, {"actions": [update]})["update"]["errors"] == []
    assert (it.run_row().state, it.run_row().note) == ("failed", "enough")
    delete = {"action": "delete", "entities": [it.run.run_id, other.run_id]}
    answer = member.v2().patch(path, {"actions": [delete]})
    assert sorted(answer["delete"]["success"]) == sorted(f"scene.{one.run_id}" for one in (it.run, other))
    with tenant_scope(tenant.id):
        assert not DagRun.objects.exists() and not TaskInstance.objects.exists()
    invariants.check(tenant)


def test_a_run_is_deleted_unless_it_runs(it: Scene, member: Actor, tenant: Tenant) -> None:
    it.begin()
    busy = member.v2().delete(_path(it))
    assert (busy.status, busy["detail"]) == (
        409,
        f"The DagRun with dag_id: `scene` and run_id: `{it.run.run_id}` cannot be deleted in running state",
    )
    finish(it)
    assert member.v2().delete(_path(it)).status == 204
    assert member.v2().delete(_path(it)).status == 404
    with tenant_scope(tenant.id):
        assert not TaskInstance.objects.exists()
        assert EventLog.objects.filter(event="delete_dag_run").count() == 1
    invariants.check(tenant)


def test_a_dag_is_deleted_unless_its_tasks_run(it: Scene, member: Actor, tenant: Tenant) -> None:
    it.begin()
    it.start("first")
    busy = member.v2().delete("/dags/scene")
    assert (busy.status, busy["detail"]) == (409, "Task instances of dag with id: 'scene' are still running")
    assert member.v2().patch(_path(it, "taskInstances", "first"), {"new_state": "failed"}).status == 200
    assert member.v2().delete("/dags/scene").status == 204
    with tenant_scope(tenant.id):
        for model in (Dag, DagRun, DagVersion, TaskInstance):
            assert not model.objects.exists(), model
        assert EventLog.objects.filter(event="delete_dag", dag_id="scene").count() == 1
    gone = member.v2().delete("/dags/scene")
    assert (gone.status, gone["detail"]) == (404, "Dag with id: scene was not found")
    it.walk.schedule()
    invariants.check(tenant, at_rest=True)


def test_only_those_who_may_and_no_stranger(
    it: Scene, viewer: Actor, stranger: Actor, tenant: Tenant
) -> None:
    body = {"new_state": "success"}
    calls: list[tuple[str, str, Any]] = [
        ("PATCH", _path(it), {"state": "failed"}),
        ("DELETE", _path(it), None),
        ("PATCH", "/dags/scene/dagRuns", {"actions": []}),
        ("PATCH", _path(it, "taskInstances"), {"actions": []}),
        ("PATCH", _path(it, "taskInstances", "first"), body),
        ("PATCH", _path(it, "taskInstances", "first", "dry_run"), body),
        ("PATCH", _path(it, "taskInstances", "many", "0"), body),
        ("PATCH", _path(it, "taskInstances", "many", "0", "dry_run"), body),
        ("PATCH", _path(it, "taskGroupInstances", "g"), body),
        ("PATCH", _path(it, "taskGroupInstances", "g", "dry_run"), body),
        ("DELETE", _path(it, "taskInstances", "first"), None),
        ("DELETE", "/dags/scene", None),
    ]
    for method, path, sent in calls:
        assert viewer.v2().call(method, path, sent).status == 403, path
        assert stranger.v2(at=tenant).call(method, path, sent).body == {"detail": "Not Found"}, path
        if not path.endswith(("/dagRuns", "/taskInstances")):
            assert stranger.v2().call(method, path, sent).status == 404, path
    assert set(it.states().values()) == {None} and it.run_row().state == "queued"
