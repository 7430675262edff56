"""Runs of partitions: asked for by key, found by day, refused where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.specs import dag, task

BERLIN = {
    "kind": "partition_cron",
    "expression": "0 0 * * *",
    "timezone": "Europe/Berlin",
    "summary": "",
    "description": "",
    "partition": {"run_offset": 0, "key_format": "%Y-%m-%d"},
}
RUNTIME = {"kind": "partition_runtime", "summary": "", "description": "", "can_be_scheduled": False}


@pytest.fixture(autouse=True)
def dags(tenant: Tenant) -> None:
    paused = {"is_paused_upon_creation": True}
    parsed_dag(tenant, dag("daily", [task("only")], timetable=BERLIN, **paused))
    parsed_dag(tenant, dag("runtime", [task("only")], timetable=RUNTIME, **paused))
    parsed_dag(tenant, dag("plain", [task("only")], **paused))


def _ask(who: Actor, dag_id: str, key: Any, **more: Any) -> Any:
    body = {"logical_date": None, "partition_key": key, **more}
    return who.v2().post(f"/dags/{dag_id}/dagRuns", body)


def test_a_key_of_cron_partitions_is_its_local_date(member: Actor) -> None:
    run = _ask(member, "daily", "2026-07-01")
    assert (run.status, run["partition_key"], run["partition_date"]) == (
        200, "2026-07-01", "2026-06-30T22:00:00Z",
    )  # fmt: skip
    assert (run["logical_date"], run["data_interval_start"]) == (None, None)


def test_a_key_that_tasks_give_meaning_to_has_no_date(member: Actor) -> None:
    run = _ask(member, "runtime", "eu-west")
    assert (run.status, run["partition_key"], run["partition_date"]) == (200, "eu-west", None)


@pytest.mark.parametrize(
    ("dag_id", "key", "status", "said"),
    [
        ("plain", "2026-07-01", 400, "not a partitioned Dag and does not accept a partition_key"),
        ("daily", "July", 400, "does not match the timetable's key_format"),
        ("daily", "  ", 400, "must not be empty"),
        ("runtime", "k" * 251, 400, "at most 250 characters; got 251"),
        ("daily", 7, 422, "string_type"),
    ],
)
def test_refused(member: Actor, dag_id: str, key: Any, status: int, said: str) -> None:
    answer = _ask(member, dag_id, key)
    assert answer.status == status
    assert said in str(answer["detail"])


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ({"partition_date_gte": "2026-07-02"}, ["2026-07-02", "2026-07-03"]),
        ({"partition_date_lte": "2026-07-02"}, ["2026-07-01", "2026-07-02"]),
        ({"partition_date_gte": "2026-07-02", "partition_date_lte": "2026-07-02"}, ["2026-07-02"]),
        ({"partition_date_gte": "0001-01-01", "partition_date_lte": "9999-12-31"}, ["2026-07-01", "2026-07-02", "2026-07-03"]),
    ],
)  # fmt: skip
def test_found_by_local_days(member: Actor, query: dict[str, str], keys: list[str]) -> None:
    for day in (1, 2, 3):
        assert _ask(member, "daily", f"2026-07-0{day}", dag_run_id=f"r{day}").status == 200
    found = member.v2().get("/dags/daily/dagRuns", {**query, "order_by": "dag_run_id"})["dag_runs"]
    assert [run["partition_key"] for run in found] == keys


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [("~", "require a specific dag_id"), ("plain", "is not partitioned"), ("runtime", "is not partitioned")],
)
def test_days_of_what_has_none(member: Actor, dag_id: str, said: str) -> None:
    answer = member.v2().get(f"/dags/{dag_id}/dagRuns", {"partition_date_gte": "2026-07-01"})
    assert answer.status == 400
    assert said in answer["detail"]
    assert member.v2().get("/dags/daily/dagRuns", {"partition_date_gte": "July"}).status == 422


def test_strangers(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    _ask(member, "daily", "2026-07-01")
    path = "/dags/daily/dagRuns"
    assert stranger.v2(at=tenant).get(path, {"partition_date_gte": "2026-07-01"}).status == 404
    assert stranger.v2().get(path, {"partition_date_gte": "2026-07-01"}).status == 404
