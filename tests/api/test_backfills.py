"""GET, POST /backfills; POST …/dry_run; GET …/{id}; PUT …/{id}/pause, unpause, cancel."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.workload import Workload
from controlplane.runs.timetables import timetable_told
from taskwire.timetabling import PastRuns, RunInfo, Span, TimetableReport
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Answer
from tests.support.factories import parsed_dag
from tests.support.queries import QueryCounter
from tests.support.specs import dag, task

DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
RANGE = {"dag_id": "daily", "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-03T00:00:00"}

PARAMS = {"size": {"value": 1, "schema": {"type": "integer"}, "description": None}}


@pytest.fixture
def daily(tenant: Tenant) -> None:
    parsed_dag(tenant, dag("daily", [task("only")], timetable=DAILY, dag_display_name="Daily", params=PARAMS))


def _put(who: Actor, path: str, at: Tenant | None = None) -> Answer:
    return who.v2(at=at).call("PUT", path) if at else who.v2().call("PUT", path)


@pytest.mark.usefixtures("daily")
def test_a_backfills_life(member: Actor) -> None:
    made = member.v2().post("/backfills", {**RANGE, "dag_run_conf": {"a": 1}, "max_active_runs": 2})
    assert made.status == 200
    told = dict(made.body)
    for name in ("created_at", "updated_at"):
        assert told.pop(name)
    assert told == {
        "id": 1,
        "dag_id": "daily",
        "from_date": "2026-01-01T00:00:00Z",
        "to_date": "2026-01-03T00:00:00Z",
        "dag_run_conf": {"a": 1},
        "is_paused": False,
        "reprocess_behavior": "none",
        "max_active_runs": 2,
        "completed_at": None,
        "dag_display_name": "Daily",
    }
    runs = member.v2().get("/dags/daily/dagRuns", {"order_by": "logical_date"})["dag_runs"]
    assert [(run["run_type"], run["state"], run["triggered_by"]) for run in runs] == [
        ("backfill", "queued", "backfill")
    ] * 3
    assert member.v2().get("/backfills/1").body == made.body
    listed = member.v2().get("/backfills", {"dag_id": "daily"}).body
    assert listed == {"backfills": [made.body], "total_entries": 1}
    again = member.v2().post("/backfills", RANGE)
    assert (again.status, again["detail"]) == (409, "There is already a running backfill for dag daily")
    assert _put(member, "/backfills/1/pause")["is_paused"] is True
    assert _put(member, "/backfills/1/unpause")["is_paused"] is False
    ended = _put(member, "/backfills/1/cancel")
    assert (ended["is_paused"], ended["completed_at"] is not None) == (True, True)
    for verb in ("pause", "unpause", "cancel"):
        late = _put(member, f"/backfills/1/{verb}")
        assert (late.status, late["detail"]) == (409, "Backfill is already completed.")
    runs = member.v2().get("/dags/daily/dagRuns")["dag_runs"]
    assert {run["state"] for run in runs} == {"failed"}
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == ["create_backfill", "pause_backfill", "unpause_backfill", "cancel_backfill"]


@pytest.mark.usefixtures("daily")
def test_a_dry_run_tells_and_changes_nothing(member: Actor) -> None:
    told = member.v2().post("/backfills/dry_run", {**RANGE, "run_backwards": True})
    dates = [row["logical_date"] for row in told["backfills"]]
    assert dates == ["2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert told["backfills"][0] == {"logical_date": dates[0], "partition_key": None, "partition_date": None}
    assert (told.status, told["total_entries"]) == (200, 3)
    assert member.v2().get("/backfills", {"dag_id": "daily"})["total_entries"] == 0
    assert member.v2().get("/dags/daily/dagRuns")["total_entries"] == 0


@pytest.mark.parametrize("path", ["/backfills", "/backfills/dry_run"])
@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"dag_id": "none"}, 404, "Could not find dag none"),
        ({"to_date": "2025-01-01T00:00:00Z"}, 422, "must not be after to_date"),
        ({"from_date": "2100-01-01T00:00:00Z", "to_date": "2100-02-01T00:00:00Z"}, 422, "future dates"),
        ({"reprocess_behavior": "some"}, 422, "literal_error"),
        ({"max_active_runs": "many"}, 422, "int_parsing"),
        ({"dag_run_conf": [1]}, 422, "dict_type"),
        ({"dag_run_conf": {"size": "big"}}, 422, "big"),
        ({"owner": "me"}, 422, "extra_forbidden"),
        ({"from_date": "1900-01-01T00:00:00Z"}, 422, "more than 10000 runs"),
    ],
)
@pytest.mark.usefixtures("daily")
def test_refused(member: Actor, path: str, change: dict[str, Any], status: int, said: str) -> None:
    answer = member.v2().post(path, {**RANGE, **change})
    assert answer.status == status
    assert said in str(answer["detail"])
    assert member.v2().get("/backfills", {"dag_id": "daily"})["total_entries"] == 0


def test_a_dag_that_allows_none(tenant: Tenant, member: Actor) -> None:
    spec = dag("daily", [task("only")], timetable=DAILY, allowed_run_types=["manual"])
    parsed_dag(tenant, spec)
    answer = member.v2().post("/backfills", RANGE)
    assert (answer.status, answer["detail"]) == (
        400, "Dag with dag_id: 'daily' does not allow backfill runs",
    )  # fmt: skip


@pytest.mark.usefixtures("daily")
def test_what_is_not_there(member: Actor) -> None:
    assert member.v2().get("/backfills").status == 422
    assert member.v2().get("/backfills", {"dag_id": "none"}).body == {"backfills": [], "total_entries": 0}
    for path in ("/backfills/7", "/backfills/9999999999999999999999"):
        assert member.v2().get(path).status == 404
    assert member.v2().get("/backfills/7")["detail"] == "Backfill not found"
    for path in ("/backfills/-1", "/backfills/x", "/backfills/dry_run"):
        assert member.v2().get(path).status == 422
    assert _put(member, "/backfills/7/cancel").status == 404


@pytest.mark.usefixtures("daily")
def test_other_roles_and_strangers(tenant: Tenant, viewer: Actor, member: Actor, stranger: Actor) -> None:
    member.v2().post("/backfills", RANGE)
    for who, status in ((viewer, 403), (stranger, 404)):
        at = tenant if who is stranger else None
        door = who.v2(at=at) if at else who.v2()
        assert door.post("/backfills", RANGE).status == status
        assert door.post("/backfills/dry_run", RANGE).status == status
        for verb in ("pause", "unpause", "cancel"):
            assert _put(who, f"/backfills/1/{verb}", at).status == status
    assert viewer.v2().get("/backfills/1")["is_paused"] is False
    for path in ("/backfills/1", "/backfills?dag_id=daily"):
        assert stranger.v2(at=tenant).get(path).status == 404
    assert stranger.v2().get("/backfills/1").status == 404
    assert stranger.v2().get("/backfills", {"dag_id": "daily"})["total_entries"] == 0
    assert _put(stranger, "/backfills/1/cancel").status == 404


def test_a_timetable_of_ones_own_is_asked_first(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    """The refusal says when to come again, and what was asked of the runtime is not undone by it."""
    own = {"kind": "custom", "summary": "", "description": "", "custom": {"path": "own.Own", "data": {}}}
    parsed_dag(tenant, dag("own", [task("only")], timetable=own))
    body = {**RANGE, "dag_id": "own"}
    for who, status in ((viewer, 403), (stranger, 404)):
        door = who.v2(at=tenant) if who is stranger else who.v2()
        assert {door.post(f"/backfills{more}", body).status for more in ("", "/dry_run")} == {status}
    with tenant_scope(tenant.id):
        assert not Workload.objects.filter(kind="timetable").exists()
    for path in ("/backfills/dry_run", "/backfills"):
        asked = member.v2().post(path, body)
        assert (asked.status, asked.headers["Retry-After"]) == (503, "2")
        assert "own Timetable class" in asked["detail"]
    with tenant_scope(tenant.id):
        assert not EventLog.objects.filter(event="create_backfill").exists(), "nothing was created"
        order = Workload.objects.get(kind="timetable")
        ends = ("2026-01-02T00:00:00+00:00", "2026-01-05T00:00:00+00:00")
        told = RunInfo(run_after=ends[1], interval=Span(start=ends[0], end=ends[1]))
        report = TimetableReport(dag_id="own", over=True, past=PastRuns(runs=[told], over=True))
        body_told = msgspec.to_builtins(report)
        timetable_told(ref=UUID(str(order.ref)), epoch=order.epoch, body=body_told, now=utc_now())
    seen = member.v2().post("/backfills/dry_run", body)
    assert [one["logical_date"] for one in seen["backfills"]] == ["2026-01-02T00:00:00Z"]
    path = f"/tenants/{tenant.slug}/backfills/preview"
    assert member.portal().post(path, body)["runs"] == 1
    assert member.v2().post("/backfills", body).status == 200
    [run] = member.v2().get("/dags/own/dagRuns")["dag_runs"]
    assert (run["run_type"], run["data_interval_end"]) == ("backfill", "2026-01-05T00:00:00Z")
    with tenant_scope(tenant.id):
        assert EventLog.objects.filter(event="create_backfill").count() == 1
    other = {**body, "to_date": "2026-02-01T00:00:00Z"}
    later = member.portal().post(path, other)
    assert (later.status, later["code"]) == (503, "intervals-awaited")


def test_the_list_asks_as_often_for_any_number(
    tenant: Tenant, member: Actor, count_queries: QueryCounter
) -> None:
    for number in range(3):
        parsed_dag(tenant, dag(f"d{number}", [task("only")], timetable=DAILY))
    for _ in range(2):
        made = member.v2().post("/backfills", {**RANGE, "dag_id": "d0"})
        _put(member, f"/backfills/{made['id']}/cancel")
    with count_queries(5):  # who asks, scope, page, count, display names
        assert member.v2().get("/backfills", {"dag_id": "d0", "order_by": "-id"})["total_entries"] == 2
