"""POST …/clearTaskInstances, …/clear and …/clearDagRuns: who may, what is answered, what is told to the event log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.ledger.models.event_log import EventLog
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.hands import finish
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 3, 1, tzinfo=UTC)
CLEAR = "/dags/scene/clearTaskInstances"


@pytest.fixture
def failed(tenant: Tenant) -> Scene:
    """first -> middle (failed) -> last (upstream_failed)."""
    it = scene(tenant, specs.task("first", "middle"), specs.task("middle", "last"), specs.task("last"))
    finish(it, middle="failed")
    return it


def events(tenant: Tenant) -> list[tuple[str, str | None, str | None]]:
    with tenant_scope(tenant.id):
        return list(EventLog.objects.order_by("serial").values_list("event", "dag_id", "run_id"))


def names(answer: Any) -> list[str]:
    return [one["task_id"] for one in answer["task_instances"]]


def test_by_default_it_only_says_what_failed(failed: Scene, member: Actor, tenant: Tenant) -> None:
    answer = member.v2().post(CLEAR, {"dag_run_id": failed.run.run_id})
    assert (answer.status, names(answer)) == (200, ["middle", "last"])
    assert answer["total_entries"] == 2 and answer["next_cursor"] is None
    assert failed.run_row().state == "failed" and events(tenant) == []


def test_cleared_is_cleared_and_told(failed: Scene, member: Actor, tenant: Tenant) -> None:
    body = {"dag_run_id": failed.run.run_id, "dry_run": False, "note": "again, please"}
    answer = member.v2().post(CLEAR, body)
    assert [one["state"] for one in answer["task_instances"]] == [None, None]
    assert {one["note"] for one in answer["task_instances"]} == {"again, please"}
    assert failed.run_row().state == "queued"
    invariants.check(tenant)
    assert events(tenant) == [("post_clear_task_instances", "scene", failed.run.run_id)]
    assert (
        member.v2().get(f"/dags/scene/dagRuns/{failed.run.run_id}/taskInstances/middle/tries")[
            "total_entries"
        ]
        == 1
    )


@pytest.mark.parametrize(
    ("more", "cleared"),
    [
        ({"task_ids": ["middle"]}, ["middle"]),
        ({"task_ids": ["middle"], "include_downstream": True}, ["middle", "last"]),
        ({"task_ids": ["middle"], "include_upstream": True}, ["first", "middle"]),
        ({"task_ids": ["first"], "only_failed": True}, []),
        ({"task_ids": [["middle", -1]]}, ["middle"]),
        ({"task_ids": [["middle", 3]]}, []),
        ({"only_failed": False, "only_running": True}, []),
        ({}, ["first", "middle", "last"]),
    ],
)
def test_which(failed: Scene, member: Actor, more: dict[str, Any], cleared: list[str]) -> None:
    body = {"dag_run_id": failed.run.run_id, "only_failed": False, **more}
    assert names(member.v2().post(CLEAR, body)) == cleared


def test_setups_and_teardowns_come_along(tenant: Tenant, member: Actor) -> None:
    it = scene(
        tenant,
        specs.task("up", "work", "down", is_setup=True),
        specs.task("work", "down"),
        specs.task("down", is_teardown=True, trigger_rule="all_done_setup_success"),
    )
    finish(it)
    body = {"dag_run_id": it.run.run_id, "only_failed": False, "task_ids": ["work"]}
    assert sorted(names(member.v2().post(CLEAR, body))) == ["down", "up", "work"]


def test_an_index_of_a_mapped_group_brings_its_own(tenant: Tenant, member: Actor) -> None:
    inside = {"group_id": "g", "mapped_group_ids": ["g"]}
    it = scene(
        tenant,
        specs.task("one", "two", "after", **inside),
        specs.task("two", "after", **inside),
        specs.task("after"),
        groups=[{"group_id": "g", "is_mapped": True, "expand": {"kind": "literal", "length": 3}}],
    )
    finish(it)
    body = {"dag_run_id": it.run.run_id, "only_failed": False, "task_ids": [["one", 1]]}
    answer = member.v2().post(CLEAR, {**body, "include_downstream": True})
    found = [(one["task_id"], one["map_index"]) for one in answer["task_instances"]]
    assert found == [("one", 1), ("two", 1), ("after", -1)]
    body["task_ids"] = [["two", 2]]
    answer = member.v2().post(CLEAR, {**body, "include_upstream": True, "dry_run": False})
    found = [(one["task_id"], one["map_index"]) for one in answer["task_instances"]]
    assert found == [("one", 2), ("two", 2)]
    invariants.check(tenant)
    finish(it)
    assert [it.row("two", n).try_number for n in range(3)] == [1, 1, 2]


def test_neighbours(tenant: Tenant, member: Actor) -> None:
    it = scene(tenant)
    runs = [it.walk.trigger("scene", logical_date=DAY + timedelta(days=n)) for n in range(3)]
    finish(it)
    body: dict[str, Any] = {"dag_run_id": runs[1].run_id, "only_failed": False}

    def found(**more: Any) -> list[int]:
        ids = [run.run_id for run in (*runs, it.run)]
        answer = member.v2().post(CLEAR, {**body, **more})
        return sorted(ids.index(one["dag_run_id"]) for one in answer["task_instances"])

    assert found() == [1]
    assert found(include_past=True) == [0, 1]
    assert found(include_future=True) == [1, 2]
    assert found(include_past=True, include_future=True) == [0, 1, 2, 3], "no bound: the undated one too"
    until = {"end_date": (DAY + timedelta(hours=1)).isoformat(), "only_failed": False}
    assert member.v2().post(CLEAR, until)["total_entries"] == 1
    undated = member.v2().post(CLEAR, {"dag_run_id": it.run.run_id, "include_past": True})
    assert (undated.status, undated["detail"]) == (
        400,
        "Cannot use include_past or include_future with no logical_date(e.g. manually or asset-triggered).",
    )


def test_who_wants_it_is_refused_while_a_task_runs(tenant: Tenant, member: Actor) -> None:
    it = scene(tenant).begin()
    it.start("only")
    body = {"dag_run_id": it.run.run_id, "only_failed": False, "dry_run": False}
    answer = member.v2().post(CLEAR, {**body, "prevent_running_task": True})
    assert answer.status == 409 and answer["detail"].startswith("AirflowClearRunningTaskException: Disable")
    assert it.states() == {"only": "running"}
    answer = member.v2().post(CLEAR, body)
    assert [one["state"] for one in answer["task_instances"]] == ["restarting"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"dag_run_id": "none"}, 404),
        ({"only_failed": True, "only_running": True}, 422),
        ({"dag_run_id": "r", "start_date": DAY.isoformat()}, 422),
        ({"dag_run_id": "r", "end_date": DAY.isoformat()}, 422),
        ({"start_date": "2026-03-02T00:00:00Z", "end_date": "2026-03-01T00:00:00Z"}, 422),
        ({"start_date": "2026-03-02T00:00:00"}, 422),
        ({"task_ids": []}, 422),
        ({"note": "x" * 1001}, 422),
        ({"unknown": 1}, 422),
        ([], 422),
    ],
)
def test_what_makes_no_sense(failed: Scene, member: Actor, body: Any, status: int) -> None:
    assert member.v2().post(CLEAR, body).status == status


def test_a_run_is_cleared(failed: Scene, member: Actor, tenant: Tenant) -> None:
    path = f"/dags/scene/dagRuns/{failed.run.run_id}/clear"
    assert names(member.v2().post(path, {})) == ["first", "middle", "last"]
    assert member.v2().post(path, {"only_failed": True})["total_entries"] == 2
    assert member.v2().post(path, {"only_failed": True, "only_new": True}).status == 422
    assert events(tenant) == []
    run = member.v2().post(path, {"dry_run": False, "only_failed": True, "note": "once more"})
    assert (run["state"], run["note"], run["start_date"]) == ("queued", "once more", None)
    assert failed.states() == {"first": "success", "middle": None, "last": None}
    assert events(tenant) == [("clear_dag_run", "scene", failed.run.run_id)]
    invariants.check(tenant)


def test_new_tasks_are_named_before_they_run(failed: Scene, member: Actor, tenant: Tenant) -> None:
    tasks = [specs.task("first", "middle"), specs.task("middle", "last"), specs.task("last", "new")]
    parsed_dag(tenant, specs.dag("scene", [*tasks, specs.task("new")]))
    path = f"/dags/scene/dagRuns/{failed.run.run_id}/clear"
    assert member.v2().post(path, {"only_new": True})["task_instances"] == [
        {"task_id": "new", "task_display_name": "new"}
    ]
    assert member.v2().post(path, {"only_new": True, "dry_run": False})["state"] == "queued"
    assert failed.states()["new"] is None
    invariants.check(tenant)


def test_many_runs_are_cleared(failed: Scene, member: Actor, tenant: Tenant) -> None:
    other = failed.walk.trigger("scene")
    finish(failed)
    runs = [{"dag_run_id": failed.run.run_id}, {"dag_run_id": other.run_id, "dag_id": "scene"}]
    assert member.v2().post("/dags/scene/clearDagRuns", {"dag_runs": runs})["total_entries"] == 6
    answer = member.v2().post("/dags/scene/clearDagRuns", {"dag_runs": runs, "dry_run": False})
    assert [run["state"] for run in answer["dag_runs"]] == ["queued", "queued"]
    invariants.check(tenant)
    for body, path in (
        ({"dag_runs": runs}, "/dags/~/clearDagRuns"),
        ({"dag_runs": [{"dag_run_id": "r", "dag_id": "other"}]}, "/dags/scene/clearDagRuns"),
        ({"partition_key": "p"}, "/dags/~/clearDagRuns"),
    ):
        assert member.v2().post(path, body).status == 400
    assert member.v2().post("/dags/scene/clearDagRuns", {}).status == 422
    missing = {"dag_runs": [{"dag_run_id": "missing"}]}
    assert member.v2().post("/dags/scene/clearDagRuns", missing).status == 404
    assert member.v2().post("/dags/scene/clearDagRuns", {"partition_key": "p"})["total_entries"] == 0


def test_only_those_who_may_and_no_stranger(
    failed: Scene, viewer: Actor, stranger: Actor, tenant: Tenant
) -> None:
    calls = [
        (CLEAR, {"dag_run_id": failed.run.run_id, "dry_run": False}),
        (f"/dags/scene/dagRuns/{failed.run.run_id}/clear", {"dry_run": False}),
        ("/dags/scene/clearDagRuns", {"dag_runs": [{"dag_run_id": failed.run.run_id}], "dry_run": False}),
    ]
    for path, body in calls:
        assert viewer.v2().post(path, body).status == 403
        assert stranger.v2(at=tenant).post(path, body).body == {"detail": "Not Found"}
        assert stranger.v2().post(path, body).status == 404
    assert failed.run_row().clear_number == 0
