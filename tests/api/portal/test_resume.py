"""GET /tenants/{slug}/dags/{dag_id}/due-runs; POST …/resume."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.queries import QueryCounter
from tests.support.specs import dag, task
from tests.support.walk import walk_for

HOURLY = {"kind": "delta", "delta": {"seconds": 3600.0}, "summary": "", "description": ""}


def _dag(tenant: Tenant, hours: float, **fields: Any) -> str:
    values: dict[str, Any] = {"timetable": HOURLY, "catchup": True, "is_paused_upon_creation": True, **fields}
    start = (utc_now() - timedelta(hours=hours)).isoformat()
    parsed_dag(tenant, dag("hourly", [task("only")], start_date=start, **values))
    return f"/tenants/{tenant.slug}/dags/hourly"


def _runs(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return DagRun.objects.count()


def _is_paused(tenant: Tenant) -> bool:
    with tenant_scope(tenant.id):
        return Dag.objects.get(dag_id="hourly").is_paused


def test_two_years_of_hours_are_asked_for_first_and_then_throttled(tenant: Tenant, member: Actor) -> None:
    at = _dag(tenant, 2 * 365 * 24 + 0.5, max_active_runs=3)
    seen = member.portal().get(f"{at}/due-runs")
    assert (seen["due_runs"], seen["more"], seen["about"], seen["max_active_runs"]) == (500, True, 17520, 3)
    refused = member.portal().post(f"{at}/resume", {})
    assert (refused.status, refused["code"], refused["about"]) == (409, "resume-needs-confirmation", 17520)
    assert "about 17520 run(s), 3 at a time" in refused["detail"]
    assert _is_paused(tenant)
    parsed_dag(tenant, dag("other", [task("only")], timetable={**HOURLY, "kind": "once", "delta": {}}))
    other = walk_for(tenant)
    done = member.portal().post(f"{at}/resume", {"confirmed": True})
    assert (done.status, _is_paused(tenant)) == (200, False)
    other.trigger("other", run_id="mine")
    other.schedule()
    assert _runs(tenant) == 4, "as many as may run, and the other DAG's"
    assert sorted(work.task.ti["dag_id"] for work in other.claim() if work.task) == ["hourly"] * 3 + ["other"]
    events = [entry["event"] for entry in member.v2().get("/eventLogs")["event_logs"]]
    assert events == ["resume_dag"]


def test_a_few_are_not_asked_for(tenant: Tenant, member: Actor) -> None:
    at = _dag(tenant, 5.5)
    seen = member.portal().post(f"{at}/resume", {})
    assert (seen.status, seen["due_runs"], seen["more"], seen["asks_above"]) == (200, 5, False, 25)
    assert not _is_paused(tenant)


def test_without_catchup_one_is_due(tenant: Tenant, member: Actor) -> None:
    at = _dag(tenant, 5000.5, catchup=False)
    assert member.portal().get(f"{at}/due-runs")["due_runs"] == 1


def test_of_the_tenants_own_timetable_nobody_knows(tenant: Tenant, member: Actor) -> None:
    at = _dag(tenant, 9, timetable={"kind": "custom", "summary": "", "description": "", "custom": {}})
    assert member.portal().get(f"{at}/due-runs")["due_runs"] is None
    assert member.portal().post(f"{at}/resume", {}).status == 200


def test_airflows_own_operation_has_no_such_question(tenant: Tenant, member: Actor) -> None:
    _dag(tenant, 5000, max_active_runs=2)
    assert member.v2().patch("/dags/hourly", {"is_paused": False})["is_paused"] is False
    walk_for(tenant).schedule()
    assert _runs(tenant) == 2


def test_absent_other_roles_and_strangers(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    at = _dag(tenant, 5.5)
    assert member.portal().get(f"{at}x/due-runs").status == 404
    assert member.portal().post(f"{at}x/resume", {}).status == 404
    assert member.portal().post(f"{at}/resume", {"confirmed": "perhaps"}).status == 422
    assert viewer.portal().get(f"{at}/due-runs").status == 200
    assert viewer.portal().post(f"{at}/resume", {}).status == 403
    assert stranger.portal().get(f"{at}/due-runs").status == 404
    assert stranger.portal().post(f"{at}/resume", {"confirmed": True}).status == 404
    assert _is_paused(tenant)


@pytest.mark.parametrize("hours", [2.5, 5000.5])
def test_the_question_is_one_cheap_call(
    tenant: Tenant, member: Actor, count_queries: QueryCounter, hours: float
) -> None:
    at = _dag(tenant, hours)
    with count_queries(4):  # who asks, scope, the DAG, what planning needs of it
        member.portal().get(f"{at}/due-runs")
