"""'Why does it not run?' has an answer in every state, and none when there is nothing to answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.agent import Agent
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.backfill import Asked, create_backfill, pause_backfill
from controlplane.runs.pause import set_paused
from controlplane.runs.waits import why_not_running
from domain.states import TERMINAL_TASK, TaskState
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import deferrals, invariants, specs
from tests.support.factories import parsed_dag
from tests.support.questions import waiting
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

NOTHING = [("Admission", "Nothing is in its way; the scheduler comes to it next.")]


def waits(walk: Walk, run: DagRun, task_id: str, map_index: int = -1) -> list[tuple[str, str]]:
    return waits_of(walk.tenant, walk.instance(run, task_id, map_index).id)


def waits_of(tenant: Tenant, task_instance: Any) -> list[tuple[str, str]]:
    with tenant_scope(tenant.id):
        row = TaskInstance.objects.select_related("dag_run").get(id=task_instance)
        return [(wait.name, wait.reason) for wait in why_not_running(row=row, now=utc_now())]


def works(walk: Walk) -> dict[str, Workload]:
    return {work.task.ti["task_id"]: work for work in walk.claim() if work.task}


def test_from_the_trigger_to_the_end_there_is_an_answer(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("d", 2))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    begin = "The DAG run is queued and has not begun: the scheduler comes to it next"
    assert waits(walk, run, "task_0") == [("Dagrun Running", begin)]
    walk.schedule()
    worker = "It is admitted; an agent that serves queue 'default' takes it next."
    assert waits(walk, run, "task_0") == [("Worker", worker)]
    rule = "Task's trigger rule 'all_success' waits: 0 of 1 upstream tasks are done (0 succeeded, 0 failed, 0 were skipped)"
    assert waits(walk, run, "task_1") == [("Trigger Rule", rule)]
    work = works(walk)["task_0"]
    assert waits(walk, run, "task_0") == []
    walk.say(work, "success")
    walk.run_all()
    assert waits(walk, run, "task_0") == waits(walk, run, "task_1") == []


def test_without_an_agent_what_was_admitted_says_so(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one"), specs.task("two")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    walk.say(works(walk)["one"], "deferred", **deferrals.to_own())
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(task_id="two").update(state="queued")
    Agent.objects.using("scheduler").update(lease_until=utc_now() - timedelta(minutes=5))
    said = "It is admitted, but no agent that serves queue 'default' lives; the first that comes takes it."
    assert waits(walk, run, "two") == [("Worker", said)]
    assert waits(walk, run, "one")[0][1].endswith(". No agent that takes triggers of queue 'default' lives.")


def test_a_paused_dag_says_so_and_why(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    with tenant_scope(tenant.id):
        set_paused(dag_id="d", is_paused=True, now=utc_now())
    walk.schedule()
    paused = ("Dag Not Paused", "Task's DAG 'd' is paused.")
    queued = ("Dagrun Running", "The DAG run is queued and has not begun")
    assert waits(walk, run, "one") == [paused, queued]
    with tenant_scope(tenant.id):
        Dag.objects.update(pause_reason="max_consecutive_failed_dag_runs: the last 2 runs of this DAG failed")
    assert waits(walk, run, "one")[0][1].endswith(
        "(max_consecutive_failed_dag_runs: the last 2 runs of this DAG failed)"
    )


def test_a_run_past_the_limit_of_runs_says_so(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")], max_active_runs=1))
    walk = walk_for(tenant)
    first, second = walk.trigger("d", run_id="first"), walk.trigger("d", run_id="second")
    later = walk.trigger("d", run_id="later", run_after=utc_now() + timedelta(hours=1))
    walk.schedule()
    assert waits(walk, first, "one")[0][0] == "Worker"
    full = "The DAG run is queued and has not begun: 1 runs of the DAG are running; max_active_runs is 1"
    assert waits(walk, second, "one") == [("Dagrun Running", full)]
    assert waits(walk, later, "one")[0][1].startswith(
        "The DAG run is queued and has not begun: it may begin at 20"
    )
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=second.id).update(awaits_interval=True)
    assert "the DAG's own timetable is asked for its data interval" in waits(walk, second, "one")[0][1]


def test_a_full_pool_says_so(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="small", slots=1)
    parsed_dag(tenant, specs.dag("d", [specs.task(name, pool="small") for name in ("one", "two")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    names = {waits(walk, run, name)[0][0]: waits(walk, run, name)[0][1] for name in ("one", "two")}
    assert names["Admission"] == "pool_full: pool 'small' has 0 of 1 slots free; this task needs 1"
    assert "Worker" in names


def test_what_only_just_became_ready_has_nothing_in_its_way(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    with tenant_scope(tenant.id):
        Pool.objects.update(slots=0)
    walk.schedule()
    with tenant_scope(tenant.id):
        TaskInstance.objects.update(held_reason=None)
    assert waits(walk, run, "one") == NOTHING


def test_a_task_that_waits_for_its_past_says_so(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one", depends_on_past=True)]))
    walk = walk_for(tenant)
    now = utc_now()
    first = walk.trigger("d", run_id="first", logical_date=now - timedelta(days=2))
    second = walk.trigger("d", run_id="second", logical_date=now - timedelta(days=1))
    walk.schedule()
    [(name, reason)] = waits(walk, second, "one")
    assert name == "Previous Dagrun State"
    assert "first" in reason
    walk.say(works(walk)["one"], "failed")
    walk.schedule()
    assert waits(walk, first, "one") == []
    assert "first" in waits(walk, second, "one")[0][1]


def test_retries_and_sensors_say_when_they_go_on_and_a_policy_why(tenant: Tenant) -> None:
    tasks = [specs.task(name, retries=1, retry_delay_seconds=600.0) for name in ("plain", "policy", "sensor")]
    parsed_dag(tenant, specs.dag("d", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    found = works(walk)
    due = utc_now() + timedelta(minutes=5)
    walk.say(found["plain"], "up_for_retry")
    walk.say(
        found["policy"],
        "up_for_retry",
        retry_delay_seconds=300.0,
        retry_reason="the service\0 is busy " + "x" * 600,
    )
    walk.say(found["sensor"], "up_for_reschedule", reschedule_date=due.isoformat())
    [(name, plain)] = waits(walk, run, "plain")
    assert (name, plain[:33], plain[-1]) == ("Not In Retry Period", "Try 1 failed; the next is due at ", ".")
    [(_, policy)] = waits(walk, run, "policy")
    assert "retry_policy: the service\ufffd is busy xx" in policy
    at = due.isoformat(timespec="seconds")
    assert waits(walk, run, "sensor") == [("Ready To Reschedule", f"The sensor looks again at {at}.")]
    invariants.check(tenant)
    with tenant_scope(tenant.id):
        execute(
            "ledger/sql/promote_due.sql", ids=[walk.instance(run, "policy").id], now=due + timedelta(hours=1)
        )
        row = TaskInstance.objects.get(task_id="policy")
    assert (row.state, row.try_number, row.held_reason) == ("scheduled", 2, None)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (deferrals.until(deferrals.ahead(hours=1)), "It is deferred until 20"),
        (deferrals.to_own(), f"It waits for its trigger {deferrals.OWN}."),
        (deferrals.to_own(trigger_timeout="PT1H"), f"It waits for its trigger {deferrals.OWN}, until 20"),
        (
            deferrals.to_own(queue="moon"),
            f"It waits for its trigger {deferrals.OWN}. No agent that takes triggers of queue 'moon' lives.",
        ),
    ],
)
def test_a_deferred_task_says_until_when(tenant: Tenant, payload: dict[str, Any], said: str) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    assert walk.say(works(walk)["one"], "deferred", **payload).verdict == "accepted"
    [(name, reason)] = waits(walk, run, "one")
    assert name == "Deferred"
    assert reason.startswith(said)


def test_a_task_that_asks_a_person_says_what(tenant: Tenant) -> None:
    asked = waiting(tenant, timeout="PT1H")
    [(name, reason)] = waits_of(tenant, asked.one.id)
    assert name == "Human Input"
    assert reason.startswith("It waits for an answer of a person to 'Deploy?', until 20")


def test_a_task_that_reads_its_upstream_names_who_has_not_ended(tenant: Tenant) -> None:
    """In a mapped group: of its own index only."""
    inside = {"group_id": "g", "mapped_group_ids": ["g"]}
    tasks = [specs.task("g.a", "g.b", **inside), specs.task("g.b", **inside)]
    groups = [{"group_id": "g", "is_mapped": True, "expand": {"kind": "literal", "length": 2}}]
    parsed_dag(tenant, specs.dag("d", tasks, groups=groups))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    said = "Task's trigger rule 'all_success' waits: these have not ended: g.a"
    assert waits(walk, run, "g.b", 0) == waits(walk, run, "g.b", 1) == [("Trigger Rule", said)]
    for work in walk.claim():
        assert work.task is not None
        if work.task.ti["map_index"] == 0:
            walk.say(work, "success")
    walk.schedule()
    assert waits(walk, run, "g.b", 0)[0][0] == "Worker"
    assert waits(walk, run, "g.b", 1) == [("Trigger Rule", said)]


def test_what_reads_all_indices_counts_those_that_have_not_ended(tenant: Tenant) -> None:
    """Below a branch: the branch's choice is read as well as the ends."""
    inside = {"group_id": "g", "mapped_group_ids": ["g"]}
    tasks = [
        specs.task("choose", "end", can_skip_downstream=True),
        specs.task("g.a", "end", **inside),
        specs.task("end", trigger_rule="all_done"),
    ]
    groups = [{"group_id": "g", "is_mapped": True, "expand": {"kind": "literal", "length": 3}}]
    parsed_dag(tenant, specs.dag("d", tasks, groups=groups))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    said = "Task's trigger rule 'all_done' waits: these have not ended: "
    assert waits(walk, run, "end") == [("Trigger Rule", f"{said}choose, g.a (3)")]
    for work in walk.claim():
        assert work.task is not None
        if work.task.ti["map_index"] < 1:
            walk.say(work, "success")
    walk.schedule()
    assert waits(walk, run, "end") == [("Trigger Rule", f"{said}g.a (2)")]


def test_a_task_of_a_run_that_was_ended_waits_for_nothing_more(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("d", 2))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=run.id).update(state="failed")
    assert waits(walk, run, "task_1") == [("Dagrun Running", "The DAG run is over: failed")]


@pytest.mark.parametrize("state", [None, *TaskState])
def test_no_state_that_waits_is_without_an_answer(tenant: Tenant, state: str | None) -> None:
    parsed_dag(tenant, specs.dag("d", [specs.task("one")]))
    walk = walk_for(tenant)
    run = walk.trigger("d")
    walk.schedule()
    with tenant_scope(tenant.id):
        TaskInstance.objects.update(state=state)
    has_none = state in TERMINAL_TASK or state == TaskState.RUNNING
    assert bool(waits(walk, run, "one")) is not has_none


def test_a_backfills_share_its_bound_and_its_pause_say_so(tenant: Tenant) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    daily = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
    parsed_dag(tenant, specs.dag("d", [specs.task("one")], timetable=daily))
    walk = walk_for(tenant)
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=4, settings={"backfill_share": 0.25})
        asked = Asked(dag_id="d", from_date=first, to_date=first + timedelta(days=3), max_active_runs=2)
        made = create_backfill(asked=asked, user="somebody", now=utc_now())
    walk.schedule()
    with tenant_scope(tenant.id):
        runs = list(DagRun.objects.order_by("backfill_ordinal"))
    said = [waits(walk, run, "one")[0] for run in runs]
    assert [name for name, _ in said] == ["Worker", "Admission", "Dagrun Running", "Dagrun Running"]
    assert said[1][1].startswith("backfill_share: backfills hold their whole share of the tenant's quota")
    begin = "The DAG run is queued and has not begun"
    assert said[3][1] == f"{begin}: 2 runs of its backfill are running; max_active_runs is 2"
    with tenant_scope(tenant.id):
        pause_backfill(serial=made.serial, now=utc_now(), is_paused=True)
    assert waits(walk, runs[3], "one") == [("Dagrun Running", f"{begin}: its backfill is paused")]
