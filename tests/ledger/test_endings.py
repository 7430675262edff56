"""ask_past.sql and the statements of `ledger/endings.py`: what they move, and what only their guards keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def dated(it: Scene, day: int) -> None:
    """The scene's run gets a logical date."""
    with tenant_scope(it.tenant.id):
        DagRun.objects.filter(id=it.run.id).update(logical_date=DAY + timedelta(days=day))


def test_a_run_asks_the_one_before_and_never_a_later_one(tenant: Tenant, other_tenant: Tenant) -> None:
    it = scene(tenant, specs.task("one", depends_on_past=True))
    dated(it, 0)
    it.walk.trigger(it.run.dag_id, run_id="later", logical_date=DAY + timedelta(days=1))
    asks = {"ids": [it.row("one").id], "now": utc_now()}
    assert scene(other_tenant).execute("ask_past", **asks) == []
    assert it.without("ask_past", "AND logical_date < a.logical_date", **asks) == []
    assert it.execute("ask_past", **asks) == [(it.row("one").id, "scheduled")]
    assert it.row("one").try_number == 1
    assert it.execute("ask_past", **asks) == [], "it waits for nothing any more"


def test_a_run_is_timed_out_when_its_time_is_over(tenant: Tenant, other_tenant: Tenant) -> None:
    it = scene(tenant, specs.task("one"), dagrun_timeout_seconds=60.0).begin()
    runs = {"runs": [it.run.id], "now": utc_now()}
    assert it.execute("time_out_runs", **runs) == []
    assert it.run_row().fails_by is None
    assert it.without("time_out_runs", "AND seen.due_at <= %(now)s::timestamptz", **runs)
    late = {**runs, "now": utc_now() + timedelta(seconds=61)}
    assert scene(other_tenant).execute("time_out_runs", **late) == []
    assert it.execute("time_out_runs", **late) == [(it.row("one").id,)]
    assert (it.run_row().fails_by, it.states()) == ("timed_out", {"one": "skipped"})


def test_the_rest_stops_but_not_teardowns_and_what_is_over(tenant: Tenant, other_tenant: Tenant) -> None:
    tasks = [specs.task(name) for name in ("bad", "good", "waits")]
    it = scene(tenant, *tasks, specs.task("tidy", is_teardown=True), fail_fast=True).begin()
    it.walk.schedule()
    works = {work.task.ti["task_id"]: work for work in it.walk.claim() if work.task}
    it.walk.say(works["bad"], "failed")
    it.walk.say(works["good"], "success")
    failed = {"ids": [it.row("bad").id], "now": utc_now()}
    assert ("stop", it.row("bad").id) in it.items("stop")
    assert scene(other_tenant).execute("stop_rest", **failed) == []
    assert len(it.without("stop_rest", "AND NOT t.is_teardown", **failed)) == 2
    assert it.execute("stop_rest", **failed) == [(it.row("waits").id,)]
    assert it.states() == {"bad": "failed", "good": "success", "waits": "failed", "tidy": "running"}
    assert it.execute("stop_rest", ids=[it.row("good").id], now=utc_now()) == [], "it did not fail"


def test_a_dag_is_paused_only_when_enough_runs_failed(tenant: Tenant, other_tenant: Tenant) -> None:
    it = scene(tenant, specs.task("one"), max_consecutive_failed_dag_runs=2)
    it.walk.run_all(lambda work: ("failed", []))
    dags = {"dags": [it.run.dag_id]}
    assert it.run_row().state == "failed"
    assert it.execute("pause_failing", **dags) == []
    paused = [(it.run.dag_id, "max_consecutive_failed_dag_runs: the last 2 runs of this DAG failed")]
    assert it.without("pause_failing", "AND f.n >= l.most", **dags) == paused
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=it.run.id).update(run_id="earlier")
    it.walk.trigger(it.run.dag_id, run_id="again")
    with tenant_scope(tenant.id):
        DagRun.objects.update(state="failed")
    assert scene(other_tenant).execute("pause_failing", **dags) == []
    assert it.execute("pause_failing", **dags) == paused
    assert it.dag_row().is_paused


def test_only_a_run_that_lacks_tasks_can_be_given_up(tenant: Tenant, other_tenant: Tenant) -> None:
    it = scene(tenant, specs.task("one", "two"), specs.task("two"))
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=it.run.id).update(state="running")
    runs = {"runs": [it.run.id]}
    assert it.execute("end_deadlocked", **runs) == []
    assert it.without("end_deadlocked", "AND r.lacks_tasks", **runs) == [(it.run.id,)]
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=it.run.id).update(lacks_tasks=True)
    assert scene(other_tenant).execute("end_deadlocked", **runs) == []
    assert it.execute("end_deadlocked", **runs) == [(it.run.id,)]
