"""GET /tenants/{slug}/task-instances/{id}/waits and /tenants/{slug}/dags/{dag_id}: why something does not run."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.specs import chain, dag, task
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db


def test_a_task_says_what_it_waits_for(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    parsed_dag(tenant, chain("d", 2))
    walk = walk_for(tenant)
    run = walk.trigger("d", run_id="r")
    walk.schedule()
    at = f"/tenants/{tenant.slug}/task-instances/{walk.instance(run, 'task_0').id}/waits"
    answer = viewer.portal().get(at)
    said = "It is admitted; an agent that serves queue 'default' takes it next."
    assert (answer.status, answer["state"]) == (200, "queued")
    assert answer["waits"] == [{"name": "Worker", "reason": said}]
    airflows = viewer.v2().get("/dags/d/dagRuns/r/taskInstances/task_0/dependencies")
    assert airflows["dependencies"] == [], "as in Airflow: it is admitted"
    assert stranger.portal().get(at).status == 404
    own = viewer.portal().get(f"/tenants/{tenant.slug}/task-instances/{run.id}/waits")
    assert (own.status, own["code"]) == (404, "not-found")


def test_another_tenants_task_is_none_of_mine(tenant: Tenant, other_tenant: Tenant, viewer: Actor) -> None:
    """The path names my tenant, the task another's."""
    parsed_dag(other_tenant, chain("d", 1))
    walk = walk_for(other_tenant)
    row = walk.instance(walk.trigger("d"), "task_0")
    assert viewer.portal().get(f"/tenants/{tenant.slug}/task-instances/{row.id}/waits").status == 404


def test_a_dag_that_the_platform_paused_says_why(
    tenant: Tenant, viewer: Actor, member: Actor, stranger: Actor
) -> None:
    parsed_dag(tenant, dag("d", [task("t")], max_consecutive_failed_dag_runs=1))
    at = f"/tenants/{tenant.slug}/dags/d"
    before = viewer.portal().get(at)
    assert (before["is_paused"], before["pause_reason"], before["timetable_problem"]) == (False, None, None)
    walk = walk_for(tenant)
    walk.trigger("d")
    walk.run_all(lambda work: ("failed", []))
    seen = viewer.portal().get(at)
    assert seen["is_paused"] is True
    assert seen["pause_reason"] == "max_consecutive_failed_dag_runs: the last 1 runs of this DAG failed"
    [entry] = member.v2().get("/eventLogs")["event_logs"]
    assert (entry["event"], entry["owner"], entry["dag_id"]) == ("paused", "scheduler", "d")
    assert member.portal().post(f"{at}/resume", {}).status == 200
    assert viewer.portal().get(at)["pause_reason"] is None
    assert stranger.portal().get(at).status == 404
    assert viewer.portal().get(f"/tenants/{tenant.slug}/dags/none").status == 404


def test_a_timetable_that_raised_stands_beside_its_dag(tenant: Tenant, viewer: Actor) -> None:
    parsed_dag(tenant, dag("d", [task("t")]))
    with tenant_scope(tenant.id):
        row = Dag.objects.get(dag_id="d")
        TimetableForecast.objects.create(
            tenant=tenant, dag=row, content_hash="0" * 64, asked_at=utc_now(), problem="ValueError: no idea"
        )
    seen = viewer.portal().get(f"/tenants/{tenant.slug}/dags/d")
    assert (seen["timetable_problem"], seen["next_run_after"]) == ("ValueError: no idea", None)
