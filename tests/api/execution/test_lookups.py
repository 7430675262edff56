"""What a task may ask about task instances, runs and DAGs of its tenant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Door
from tests.support.attempts import running_try
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.specs import dag as dag_spec
from tests.support.specs import task as task_spec

DAY = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 5)]


@pytest.fixture
def asked(tenant: Tenant) -> Dag:
    """A DAG of four tasks, two of them in nested groups, with two runs."""
    spec = dag_spec(
        "asked",
        [
            task_spec("a", "outer.b"),
            task_spec("outer.b", "outer.inner.c", group_id="outer"),
            task_spec("outer.inner.c", "d", group_id="outer.inner"),
            task_spec("d"),
        ],
        groups=[{"group_id": "outer"}, {"group_id": "outer.inner", "parent_id": "outer"}],
        tags=["z", "a"],
        owners=["ann", "bob"],
    )
    dag = parsed_dag(tenant, spec)
    runs = [
        created_run(tenant, dag, run_id=f"r{n}", logical_date=DAY[n], conf={"n": n}, note=f"note {n}")
        for n in (0, 1)
    ]
    put_states(tenant, runs[0], **{"a": "success", "outer.b": "failed", "outer.inner.c": "upstream_failed"})
    put_states(tenant, runs[1], a="success")
    return dag


@pytest.fixture
def door(tenant: Tenant, asked: Dag) -> Door:
    return running_try(tenant).door()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, 8),
        ({"run_ids": "r0"}, 4),
        ({"run_ids": ["r0", "r1"], "task_ids": ["a", "d"]}, 4),
        ({"states": "success"}, 2),
        ({"states": ["success", "failed"]}, 3),
        ({"states": "null"}, 4),
        ({"states": ["null", "failed"]}, 5),
        ({"logical_dates": "2026-01-01T00:00:00+00:00"}, 4),
        ({"logical_dates": "2026-01-01T01:00:00+01:00", "states": "success"}, 1),
        ({"logical_dates": "2027-01-01T00:00:00Z"}, 0),
        ({"map_index": -1}, 8),
        ({"map_index": 0}, 0),
        ({"task_group_id": "outer"}, 4),
        ({"task_group_id": "outer.inner", "run_ids": "r0"}, 1),
        ({"task_group_id": "outer", "states": "failed"}, 1),
    ],
)
def test_count_tasks(door: Door, query: dict[str, Any], expected: int) -> None:
    answer = door.get("task-instances/count", {"dag_id": "asked", **query})
    assert (answer.status, answer.body) == (200, expected)


def test_count_tasks_malformed(door: Door) -> None:
    assert door.get("task-instances/count").status == 422
    naive = {"dag_id": "asked", "logical_dates": "2026-01-01T00:00:00"}
    assert door.get("task-instances/count", naive).status == 422
    answer = door.get("task-instances/count", {"dag_id": "asked", "task_group_id": "nope"})
    assert answer.status == 404
    assert answer["detail"]["message"] == "Task group nope not found in DAG asked"


def test_states(door: Door) -> None:
    answer = door.get("task-instances/states", {"dag_id": "asked", "run_ids": "r0"})
    states = {"a": "success", "outer.b": "failed", "outer.inner.c": "upstream_failed", "d": None}
    assert answer.body == {"task_states": {"r0": states}}
    grouped = {"dag_id": "asked", "run_ids": "r0", "task_group_id": "outer.inner", "task_ids": "a"}
    assert door.get("task-instances/states", grouped).body == {
        "task_states": {"r0": {"a": "success", "outer.inner.c": "upstream_failed"}}
    }


def test_breadcrumbs(door: Door) -> None:
    answer = door.get("task-instances/breadcrumbs", {"dag_id": "asked", "run_id": "r0"})
    assert [crumb["task_id"] for crumb in answer["breadcrumbs"]] == ["a", "outer.b", "outer.inner.c"]
    assert answer["breadcrumbs"][0].keys() == {"task_id", "map_index", "state", "operator", "duration"}
    assert door.get("task-instances/breadcrumbs", {"dag_id": "asked"}).status == 422


def test_previous_task(door: Door) -> None:
    assert door.get("task-instances/previous/asked/a").body["run_id"] == "r1"
    before = {"logical_date": DAY[1].isoformat()}
    answer = door.get("task-instances/previous/asked/a", before)
    assert (answer["run_id"], answer["state"], answer["try_number"]) == ("r0", "success", 1)
    assert answer["logical_date"] == "2026-01-01T00:00:00Z"
    assert door.get("task-instances/previous/asked/a", {"state": "failed"}).body is None
    assert door.get("task-instances/previous/asked/a", {"state": "no"}).status == 422
    assert door.get("task-instances/previous/asked/a", {"map_index": 2}).body is None


def test_run_detail_and_state(door: Door) -> None:
    answer = door.get("dag-runs/asked/r0")
    assert answer["run_id"] == "r0"
    assert answer["conf"] == {"n": 0}
    assert answer["note"] == "note 0"
    assert answer["logical_date"] == "2026-01-01T00:00:00Z"
    assert answer["consumed_asset_events"] == []
    assert door.get("dag-runs/asked/r0/state").body == {"state": "queued"}
    for path in ("dag-runs/asked/nope", "dag-runs/asked/nope/state"):
        missing = door.get(path)
        assert missing.status == 404
        assert missing["detail"]["message"] == "Dag run with dag_id 'asked' and run_id 'nope' was not found"


def test_count_and_previous_runs(tenant: Tenant, door: Door) -> None:
    with tenant_scope(tenant.id):
        DagRun.objects.filter(run_id="r0").update(state="success")
    assert door.get("dag-runs/count", {"dag_id": "asked"}).body == 2
    assert door.get("dag-runs/count", {"dag_id": "asked", "states": "success"}).body == 1
    assert door.get("dag-runs/count", {"dag_id": "asked", "run_ids": ["r1", "x"]}).body == 1
    ask = {"dag_id": "asked", "logical_date": DAY[2].isoformat()}
    assert door.get("dag-runs/previous", ask)["run_id"] == "r1"
    assert door.get("dag-runs/previous", {**ask, "state": "success"})["run_id"] == "r0"
    assert door.get("dag-runs/previous", {**ask, "state": "failed"}).body is None
    assert door.get("dag-runs/previous", {**ask, "state": "skipped"}).status == 422
    assert door.get("dag-runs/previous", {"dag_id": "asked"}).status == 422


def test_dag(door: Door) -> None:
    answer = door.get("dags/asked")
    assert answer.body["dag_id"] == "asked"
    assert (answer["owners"], answer["tags"], answer["is_paused"]) == ("ann, bob", ["a", "z"], False)
    assert answer["relative_fileloc"] == "dags/asked.py"
    assert "is_stale" not in answer.body
    missing = door.get("dags/nope")
    assert missing.status == 404
    assert missing["detail"]["message"] == "The Dag with dag_id: `nope` was not found"


def test_a_call_costs_few_statements(door: Door, count_queries: Any) -> None:
    with count_queries(3):  # the scope, the attempt, the question
        door.get("dag-runs/asked/r0")
