"""GET, POST /dags/{dag_id}/dagRuns; GET, PATCH …/{dag_run_id}; POST /dags/~/dagRuns/list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.v2 import version_facts
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.queries import QueryCounter
from tests.support.specs import chain

DAY = datetime(2026, 3, 1, tzinfo=UTC)
# Text with surrogates and zero bytes, numbers of any size: what JSON can carry and Postgres may not keep.
_TEXT = st.text(st.characters(exclude_categories=()))
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)


def test_a_trigger_makes_a_queued_run(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant, chain("beta", 2))
    answer = member.v2().post("/dags/beta/dagRuns", {"logical_date": None, "conf": {"n": 1}, "note": "why"})
    assert answer.status == 200
    assert (answer["state"], answer["run_type"], answer["triggered_by"]) == ("queued", "manual", "rest_api")
    assert (answer["conf"], answer["note"]) == ({"n": 1}, "why")
    assert answer["triggering_user_name"] == member.user.username
    assert answer["dag_run_id"].startswith("manual__")
    assert [version["version_number"] for version in answer["dag_versions"]] == [1]
    read = member.v2().get(f"/dags/beta/dagRuns/{answer['dag_run_id']}")
    assert read.body == answer.body
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="start_runs").count() == 1
    [entry] = member.v2().get("/eventLogs", {"event": "trigger_dag_run"})["event_logs"]
    assert (entry["dag_id"], entry["owner"]) == ("beta", member.user.username)


def test_a_run_id_or_a_logical_date_is_taken_once(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant, chain("beta", 1))
    body = {"dag_run_id": "one", "logical_date": DAY.isoformat()}
    assert member.v2().post("/dags/beta/dagRuns", body).status == 200
    again = member.v2().post("/dags/beta/dagRuns", {**body, "logical_date": None})
    assert again.status == 409
    assert again["detail"]["reason"] == "Unique constraint violation"
    assert member.v2().post("/dags/beta/dagRuns", {**body, "dag_run_id": "two"}).status == 409
    assert member.v2().get("/dags/beta/dagRuns")["total_entries"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"logical_date": "2026-03-01T00:00:00"}, 422),
        ({"logical_date": None, "extra": 1}, 422),
        ({"logical_date": None, "conf": [1]}, 422),
        ({"logical_date": None, "conf": {"a": "\x00"}}, 422),
        ({"logical_date": None, "conf": {"a": ["\ud800"]}}, 422),
        ({"logical_date": None, "conf": {"\udfff": 1}}, 422),
        ({"logical_date": None, "conf": {"a": float("nan")}}, 422),
        ({"logical_date": None, "note": "\ud800"}, 422),
        ({"logical_date": None, "data_interval_start": "2026-03-01T00:00:00Z"}, 422),
        (None, 422),
    ],
)
def test_a_malformed_trigger_is_refused(
    tenant: Tenant, member: Actor, body: dict[str, object], status: int
) -> None:
    parsed_dag(tenant, chain("beta", 1))
    answer = member.v2().post("/dags/beta/dagRuns", body)
    assert answer.status == status
    assert answer["detail"][0]["loc"][0] == "body"
    assert member.v2().get("/dags/beta/dagRuns")["total_entries"] == 0


def test_who_may_trigger(tenant: Tenant, viewer: Actor, stranger: Actor, member: Actor) -> None:
    parsed_dag(tenant, chain("beta", 1))
    body = {"logical_date": None}
    assert viewer.v2().post("/dags/beta/dagRuns", body).status == 403
    refused = stranger.v2(at=tenant).post("/dags/beta/dagRuns", body)
    assert (refused.status, refused.body) == (404, {"detail": "Not Found"})
    # In their own tenant the stranger's DAG of that name is simply absent.
    absent = stranger.v2().post("/dags/beta/dagRuns", body)
    assert (absent.status, absent.body) == (404, {"detail": "Dag with dag_id: 'beta' not found"})
    assert viewer.v2().get("/dags/beta/dagRuns")["total_entries"] == 0


def test_a_stranger_sees_no_run(tenant: Tenant, stranger: Actor) -> None:
    run = created_run(tenant, run_id="mine")
    for path in (f"/dags/{run.dag_id}/dagRuns", f"/dags/{run.dag_id}/dagRuns/mine", "/dags/~/dagRuns"):
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert stranger.v2().get("/dags/~/dagRuns")["total_entries"] == 0
    assert stranger.v2().get(f"/dags/{run.dag_id}/dagRuns/mine").status == 404


def test_note_and_state_are_written(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    run = created_run(tenant, run_id="mine")
    path = f"/dags/{run.dag_id}/dagRuns/mine"
    assert member.v2().patch(path, {"note": "seen"})["note"] == "seen"
    assert member.v2().patch(path, {"note": "other"}, {"update_mask": "state"})["note"] == "seen"
    assert member.v2().patch(path, {"note": "x" * 1001}).status == 422
    assert member.v2().patch(path, {"state": "running"}).status == 422
    marked = member.v2().patch(path, {"state": "success", "note": ""})
    assert (marked["state"], marked["note"]) == ("success", None)
    member.v2().patch(path, {"note": "seen"})
    assert viewer.v2().patch(path, {"note": "no", "state": "failed"}).status == 403
    assert viewer.v2().get(path)["note"] == "seen"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["run_0", "run_1", "run_2"]),
        ({"order_by": "-run_after"}, ["run_2", "run_1", "run_0"]),
        ({"order_by": "-dag_run_id"}, ["run_2", "run_1", "run_0"]),
        ({"run_after_gt": (DAY + timedelta(days=1)).isoformat()}, ["run_2"]),
        ({"run_after_lte": (DAY + timedelta(days=1)).isoformat()}, ["run_0", "run_1"]),
        ({"logical_date_gte": DAY.isoformat()}, ["run_0", "run_1", "run_2"]),
        ({"state": "queued"}, ["run_0", "run_1", "run_2"]),
        ({"state": ["failed", "running"]}, []),
        ({"run_type": "scheduled"}, []),
        ({"run_id_pattern": "_1"}, ["run_1"]),
        ({"run_id_pattern": "%_2|run_0"}, ["run_0", "run_2"]),
        ({"run_id_prefix_pattern": "run_"}, ["run_0", "run_1", "run_2"]),
        ({"dag_id_pattern": "nothing"}, []),
        ({"conf_contains": '"number": 2'}, ["run_2"]),
        ({"dag_version": "1"}, ["run_0", "run_1", "run_2"]),
        ({"dag_version": "2"}, []),
        ({"end_date_lte": "2020-01-01T00:00:00Z"}, []),
        ({"end_date_gte": "2020-01-01T00:00:00Z"}, ["run_0", "run_1", "run_2"]),
        ({"duration_gte": "1"}, []),
        ({"limit": "1", "offset": "2"}, ["run_2"]),
    ],
)
def test_filters_and_orders(tenant: Tenant, viewer: Actor, query: dict[str, str], found: list[str]) -> None:
    _three_runs(tenant)
    for path in ("/dags/beta/dagRuns", "/dags/~/dagRuns"):
        answer = viewer.v2().get(path, query)
        assert answer.status == 200, answer.body
        assert [run["dag_run_id"] for run in answer["dag_runs"]] == found


def test_cursors_walk_both_ways(tenant: Tenant, viewer: Actor) -> None:
    _three_runs(tenant)
    query = {"cursor": "", "limit": "2", "order_by": "-run_after"}
    first = viewer.v2().get("/dags/beta/dagRuns", query)
    assert [run["dag_run_id"] for run in first["dag_runs"]] == ["run_2", "run_1"]
    assert (first["previous_cursor"], first["total_entries"]) == (None, 3)
    second = viewer.v2().get("/dags/beta/dagRuns", {**query, "cursor": first["next_cursor"]})
    assert [run["dag_run_id"] for run in second["dag_runs"]] == ["run_0"]
    assert second["next_cursor"] is None
    back = viewer.v2().get("/dags/beta/dagRuns", {**query, "cursor": second["previous_cursor"]})
    assert [run["dag_run_id"] for run in back["dag_runs"]] == ["run_2", "run_1"]


@pytest.mark.parametrize("order", ["start_date", "-start_date", "logical_date", "-duration", "state"])
def test_cursors_lose_no_row_where_fields_are_empty(tenant: Tenant, viewer: Actor, order: str) -> None:
    _three_runs(tenant)
    created_run(tenant, parsed_dag(tenant, chain("beta", 1)), run_id="no_date")
    query = {"cursor": "", "limit": "1", "order_by": order}
    seen: list[str] = []
    while query["cursor"] is not None and len(seen) < 10:
        answer = viewer.v2().get("/dags/~/dagRuns", query)
        seen += [run["dag_run_id"] for run in answer["dag_runs"]]
        query["cursor"] = answer["next_cursor"]
    assert sorted(seen) == ["no_date", "run_0", "run_1", "run_2"]


@pytest.mark.parametrize("cursor", ["!!!", "bnVsbA", "W10", "WyJ4IiwieSJd", "WzEsMiwzXQ", "AAAA"])
def test_a_broken_cursor_is_refused(tenant: Tenant, viewer: Actor, cursor: str) -> None:
    parsed_dag(tenant, chain("beta", 1))
    answer = viewer.v2().get("/dags/beta/dagRuns", {"cursor": cursor, "order_by": "run_after"})
    assert answer.status == 400
    assert "cursor" in answer["detail"].lower()


def test_the_batch_takes_its_filters_from_the_body(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    _three_runs(tenant)
    body = {"dag_ids": ["beta"], "states": ["queued"], "order_by": "-run_after", "page_limit": 2}
    answer = viewer.v2().post("/dags/~/dagRuns/list", body)
    assert [run["dag_run_id"] for run in answer["dag_runs"]] == ["run_2", "run_1"]
    assert answer["total_entries"] == 3
    assert viewer.v2().post("/dags/~/dagRuns/list", {"dag_ids": ["other"]})["total_entries"] == 0
    assert viewer.v2().post("/dags/beta/dagRuns/list", {}).status == 422
    assert viewer.v2().post("/dags/~/dagRuns/list", {"nonsense": 1}).status == 422
    assert stranger.v2().post("/dags/~/dagRuns/list", body)["total_entries"] == 0


def test_what_is_absent_is_said_in_airflows_words(tenant: Tenant, viewer: Actor) -> None:
    parsed_dag(tenant, chain("beta", 1))
    answer = viewer.v2().get("/dags/beta/dagRuns/none")
    assert answer.body == {"detail": "The DagRun with dag_id: `beta` and run_id: `none` was not found"}
    answer = viewer.v2().get("/dags/none/dagRuns")
    assert answer.body == {"detail": "The Dag with ID: `none` was not found"}


def test_the_list_asks_as_often_for_any_number(
    tenant: Tenant, viewer: Actor, count_queries: QueryCounter
) -> None:
    _three_runs(tenant)
    version_facts.forget()
    with count_queries(6):  # who asks, scope, page, count; and not remembered: version facts, bundle name
        viewer.v2().get("/dags/~/dagRuns")
    with count_queries(5):  # who asks, scope, whether the DAG exists, page, count
        viewer.v2().get("/dags/beta/dagRuns")


def _three_runs(tenant: Tenant) -> None:
    dag = parsed_dag(tenant, chain("beta", 1))
    for number in range(3):
        day = DAY + timedelta(days=number)
        created_run(tenant, dag, run_id=f"run_{number}", logical_date=day, conf={"number": number})


@given(
    conf=st.dictionaries(
        st.text(), st.recursive(_LEAVES, lambda held: st.lists(held) | st.dictionaries(st.text(), held))
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_conf_is_kept_or_refused(tenant: Tenant, member: Actor, conf: dict[str, object]) -> None:
    parsed_dag(tenant, chain("beta", 1))
    answer = member.v2().post(
        "/dags/beta/dagRuns", {"logical_date": None, "dag_run_id": uuid4().hex, "conf": conf}
    )
    assert answer.status in (200, 422)
    if answer.status == 200:
        read = member.v2().get(f"/dags/beta/dagRuns/{answer['dag_run_id']}")
        assert _numbers_alike(read["conf"]) == _numbers_alike(conf)


def _numbers_alike(value: object) -> object:
    """Postgres writes 4.42e16 as a whole number: the same number to everybody who reads JSON."""
    if isinstance(value, dict):
        return {key: _numbers_alike(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_numbers_alike(held) for held in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


@pytest.mark.parametrize(
    "instant", ["2575-09-16T03:46:00-17:13", "0001-01-01T00:00:00+12:00", "9999-12-31T23:59:59-12:00"]
)
def test_offsets_that_the_database_does_not_know(viewer: Actor, instant: str) -> None:
    """Found by generated requests: Postgres knows offsets below 16 hours, and no year 10000."""
    assert viewer.v2().get("/dags/~/dagRuns", {"run_after_gte": instant}).status == 200
    body = {"run_after_gte": instant, "logical_date_lte": instant}
    assert viewer.v2().post("/dags/~/dagRuns/list", body).status == 200
