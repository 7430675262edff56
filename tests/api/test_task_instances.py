"""GET …/taskInstances and below; POST /dags/~/dagRuns/~/taskInstances/list."""

from __future__ import annotations

import pytest

from api.v2 import version_facts
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.queries import QueryCounter
from tests.support.specs import chain, dag, task

RUN = "/dags/beta/dagRuns/r1"


@pytest.fixture
def instances(tenant: Tenant) -> dict[str, TaskInstance]:
    """A run of three tasks: one succeeded, one runs, one waits."""
    spec = dag(
        "beta",
        [
            task("extract", "group.load", display_name="Extract!", pool="small"),
            task("group.load", "report", group_id="group", queue="big"),
            task("report", task_type="_PythonDecoratedOperator", operator="@task"),
        ],
        groups=[{"group_id": "group"}],
    )
    run = created_run(tenant, parsed_dag(tenant, spec), run_id="r1")
    return put_states(tenant, run, **{"extract": "success", "group.load": "running", "report": None})


def test_a_runs_tasks(instances: dict[str, TaskInstance], viewer: Actor) -> None:
    answer = viewer.v2().get(f"{RUN}/taskInstances", {"order_by": "id"})
    assert answer.status == 200
    assert answer["total_entries"] == 3
    shown = {row["task_id"]: row for row in answer["task_instances"]}
    assert shown["extract"]["id"] == str(instances["extract"].id)
    assert shown["extract"]["state"] == "success"
    assert shown["extract"]["task_display_name"] == "Extract!"
    assert shown["extract"]["duration"] is not None
    assert shown["report"]["state"] is None
    assert shown["report"]["operator"] == "_PythonDecoratedOperator"
    assert shown["report"]["operator_name"] == "@task"
    assert shown["report"]["dag_version"]["version_number"] == 1


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "running"}, {"group.load"}),
        ({"state": ["success", "no_status"]}, {"extract", "report"}),
        ({"pool": "small"}, {"extract"}),
        ({"pool_name_pattern": "SMA"}, {"extract"}),
        ({"queue": "big"}, {"group.load"}),
        ({"task_id": "report"}, {"report"}),
        ({"task_group_id": "group"}, {"group.load"}),
        ({"task_display_name_pattern": "ex"}, {"extract"}),
        ({"operator": "@task"}, {"report"}),
        ({"try_number": "1"}, {"extract", "group.load"}),
        ({"map_index": "0"}, set()),
        ({"version_number": "1"}, {"extract", "group.load", "report"}),
        ({"duration_lte": "60"}, {"extract"}),
        ({"start_date_lte": "2020-01-01T00:00:00Z"}, set()),
        ({"run_after_gte": "2020-01-01T00:00:00Z"}, {"extract", "group.load", "report"}),
    ],
)
def test_filters(
    instances: dict[str, TaskInstance], viewer: Actor, query: dict[str, str], found: set[str]
) -> None:
    answer = viewer.v2().get(f"{RUN}/taskInstances", query)
    assert answer.status == 200, answer.body
    assert {row["task_id"] for row in answer["task_instances"]} == found
    everywhere = viewer.v2().get("/dags/beta/dagRuns/~/taskInstances", query)
    assert {row["task_id"] for row in everywhere["task_instances"]} == found


def test_a_group_that_is_not_there(instances: dict[str, TaskInstance], viewer: Actor) -> None:
    answer = viewer.v2().get(f"{RUN}/taskInstances", {"task_group_id": "none"})
    assert answer.status == 404
    assert answer["detail"]["reason"] == "not_found"


def test_unknown_states_are_refused(instances: dict[str, TaskInstance], viewer: Actor) -> None:
    answer = viewer.v2().get(f"{RUN}/taskInstances", {"state": "sleeping"})
    assert answer.status == 422
    assert answer["detail"].startswith("Invalid value for state. Valid values are")


def test_one_instance_with_its_rendered_fields(
    tenant: Tenant, instances: dict[str, TaskInstance], viewer: Actor, stranger: Actor
) -> None:
    with tenant_scope(tenant.id):
        RenderedField(id=instances["extract"].id, tenant=tenant, fields={"op_args": "[1]"}).save(
            force_insert=True
        )
    answer = viewer.v2().get(f"{RUN}/taskInstances/extract")
    assert answer["rendered_fields"] == {"op_args": "[1]"}
    assert viewer.v2().get(f"{RUN}/taskInstances/extract/-1").body == answer.body
    assert viewer.v2().get(f"{RUN}/taskInstances/extract/3").status == 404
    assert viewer.v2().get(f"{RUN}/taskInstances/none").status == 404
    assert stranger.v2(at=tenant).get(f"{RUN}/taskInstances/extract").body == {"detail": "Not Found"}
    assert stranger.v2().get(f"{RUN}/taskInstances/extract").status == 404


def test_a_mapped_task_is_found_by_its_index(tenant: Tenant, viewer: Actor) -> None:
    spec = dag("beta", [task("many", is_mapped=True), task("plain")])
    run = created_run(tenant, parsed_dag(tenant, spec), run_id="r1")
    empty = viewer.v2().get(f"{RUN}/taskInstances/many/listMapped")
    assert (empty.status, empty["total_entries"]) == (200, 0)
    assert viewer.v2().get(f"{RUN}/taskInstances/plain/listMapped").status == 404
    with tenant_scope(tenant.id):
        first = TaskInstance.objects.get(dag_run_id=run.id, task_id="many")
        TaskInstance.objects.filter(id=first.id).update(map_index=0)
        for index in (1, 2):
            first.pk, first.map_index, first._state.adding = None, index, True
            first.id = TaskInstance._meta.pk.get_default()
            first.save(force_insert=True)
    listed = viewer.v2().get(f"{RUN}/taskInstances/many/listMapped", {"order_by": "-map_index"})
    assert [row["map_index"] for row in listed["task_instances"]] == [2, 1, 0]
    assert viewer.v2().get(f"{RUN}/taskInstances/many/2")["map_index"] == 2
    plain = viewer.v2().get(f"{RUN}/taskInstances/many")
    assert (plain.status, plain["detail"]) == (
        404,
        "Task instance is mapped, add the map_index value to the URL",
    )


def test_tries_the_oldest_first(tenant: Tenant, viewer: Actor, instances: dict[str, TaskInstance]) -> None:
    row = instances["group.load"]
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=row.id).update(try_number=2, epoch=3)
        TaskTry(
            tenant=tenant,
            task_instance=row,
            try_number=1,
            epoch=1,
            state="failed",
            start_date=utc_now(),
            end_date=utc_now(),
            dag_version_id=row.dag_version_id,
        ).save(force_insert=True)
    answer = viewer.v2().get(f"{RUN}/taskInstances/group.load/tries")
    tries = [(entry["try_number"], entry["state"]) for entry in answer["task_instances"]]
    assert tries == [(1, "failed"), (2, "running")]
    assert viewer.v2().get(f"{RUN}/taskInstances/group.load/tries/1")["state"] == "failed"
    assert viewer.v2().get(f"{RUN}/taskInstances/group.load/-1/tries/2")["state"] == "running"
    assert viewer.v2().get(f"{RUN}/taskInstances/group.load/tries/3").status == 404


def test_what_a_task_waits_for(viewer: Actor, tenant: Tenant, instances: dict[str, TaskInstance]) -> None:
    waits = viewer.v2().get(f"{RUN}/taskInstances/report/dependencies")["dependencies"]
    assert [entry["name"] for entry in waits] == ["Dagrun Running", "Trigger Rule"]
    assert viewer.v2().get(f"{RUN}/taskInstances/extract/dependencies")["dependencies"] == []
    with tenant_scope(tenant.id):
        held = TaskInstance.objects.filter(id=instances["report"].id)
        held.update(state="scheduled", held_reason="pool small is full")
    waits = viewer.v2().get(f"{RUN}/taskInstances/report/dependencies")["dependencies"]
    assert [entry["name"] for entry in waits] == ["Admission", "Dagrun Running"], "sorted, as Airflow does"
    assert waits[0]["reason"] == "pool small is full"


def test_the_batch(instances: dict[str, TaskInstance], viewer: Actor, stranger: Actor) -> None:
    body = {"dag_ids": ["beta"], "state": ["running", None], "order_by": "-id"}
    answer = viewer.v2().post("/dags/~/dagRuns/~/taskInstances/list", body)
    assert answer["total_entries"] == 2
    assert viewer.v2().post(f"{RUN}/taskInstances/list", body).status == 422
    assert viewer.v2().post("/dags/~/dagRuns/~/taskInstances/list", {"state": ["x"]}).status == 422
    assert stranger.v2().post("/dags/~/dagRuns/~/taskInstances/list", {})["total_entries"] == 0


def test_paths_that_name_a_run_but_no_dag(instances: dict[str, TaskInstance], viewer: Actor) -> None:
    answer = viewer.v2().get("/dags/~/dagRuns/r1/taskInstances")
    assert (answer.status, answer["detail"]) == (400, "dag_id is required when dag_run_id is specified")
    assert viewer.v2().get("/dags/beta/dagRuns/none/taskInstances").status == 404


@pytest.mark.parametrize("order", ["map_index", "-logical_date", "duration", "rendered_map_index", "-state"])
def test_cursors_lose_no_task(instances: dict[str, TaskInstance], viewer: Actor, order: str) -> None:
    query = {"cursor": "", "limit": "1", "order_by": order}
    seen: list[str] = []
    while query["cursor"] is not None and len(seen) < 10:
        answer = viewer.v2().get(f"{RUN}/taskInstances", query)
        seen += [row["task_id"] for row in answer["task_instances"]]
        query["cursor"] = answer["next_cursor"]
    assert sorted(seen) == ["extract", "group.load", "report"]


def test_the_list_asks_as_often_for_any_number(
    tenant: Tenant, viewer: Actor, count_queries: QueryCounter
) -> None:
    created_run(tenant, parsed_dag(tenant, chain("beta", 40)), run_id="r1")
    version_facts.forget()
    with count_queries(8):  # who asks, scope, run, page, count, rendered fields; version facts, bundle name
        viewer.v2().get(f"{RUN}/taskInstances")
    with count_queries(6):
        viewer.v2().get(f"{RUN}/taskInstances")
