"""The walk through the ledger: trigger, promote, admit, dispatch, claim, report, propagate, finish."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.workload import Workload as WorkloadRow
from controlplane.runs.trigger import RunExists
from taskwire.agent import Operation, Report
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db


def test_a_chain_runs_task_by_task(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 3))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.schedule()
    first = walk.claim()
    assert [work.task.ti["task_id"] for work in first if work.task] == ["task_0"]
    assert first[0].epoch == 1
    assert walk.claim() == []
    assert walk.states(run) == {"task_0": "running", "task_1": None, "task_2": None}
    walk.say(first[0], "success")
    walk.run_all()
    assert set(walk.states(run).values()) == {"success"}
    assert walk.run_state(run) == "success"
    with tenant_scope(tenant.id):
        assert not WorkloadRow.objects.exists()


def test_a_failure_fails_what_is_below_and_the_run(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 3))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.run_all(lambda work: ("failed", []))
    assert walk.states(run) == {"task_0": "failed", "task_1": "upstream_failed", "task_2": "upstream_failed"}
    assert walk.run_state(run) == "failed"


def test_a_retry_is_a_new_try_and_a_new_epoch(tenant: Tenant) -> None:
    task = specs.task("only", retries=1, retry_delay_seconds=0.0)
    parsed_dag(tenant, specs.dag("retry", [task]))
    walk = walk_for(tenant)
    run = walk.trigger("retry")
    walk.schedule()
    (work,) = walk.claim()
    assert work.task is not None
    assert work.task.ti_context["should_retry"] is True
    assert walk.say(work, "up_for_retry").verdict == "accepted"
    assert walk.states(run) == {"only": "up_for_retry"}
    walk.schedule()
    (again,) = walk.claim()
    assert again.task is not None
    assert (again.epoch, again.task.ti["try_number"]) == (2, 2)
    assert again.task.ti_context["should_retry"] is False
    assert walk.say(again, "success").verdict == "accepted"
    walk.schedule()
    assert walk.run_state(run) == "success"


def test_a_retry_waits_for_its_delay(tenant: Tenant) -> None:
    task = specs.task("only", retries=1, retry_delay_seconds=3600.0)
    parsed_dag(tenant, specs.dag("retry", [task]))
    walk = walk_for(tenant)
    run = walk.trigger("retry")
    walk.run_all(lambda work: ("up_for_retry", []))
    assert walk.states(run) == {"only": "up_for_retry"}
    due = walk.instance(run, "only").due_at
    assert due is not None
    assert timedelta(minutes=59) < due - utc_now() <= timedelta(hours=1)


def test_the_same_report_twice_is_accepted_and_a_late_epoch_is_refused(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("one", [specs.task("only", retries=1, retry_delay_seconds=0.0)]))
    walk = walk_for(tenant)
    run = walk.trigger("one")
    walk.schedule()
    (work,) = walk.claim()
    assert walk.say(work, "up_for_retry").verdict == "accepted"
    assert walk.say(work, "up_for_retry").verdict == "accepted"
    walk.schedule()
    (again,) = walk.claim()
    late = walk.say(work, "success")
    assert (late.verdict, late.reason) == ("refused", "superseded")
    assert walk.states(run) == {"only": "running"}
    assert walk.say(again, "success").verdict == "accepted"
    assert walk.say(again, "success").verdict == "accepted"
    other = walk.say(again, "failed")
    assert (other.verdict, other.reason, other.stored) == ("refused", "finished", "success")


def test_a_branch_skips_what_it_did_not_choose(tenant: Tenant) -> None:
    tasks = [
        specs.task("branch", "left", "right"),
        specs.task("left", "join"),
        specs.task("right", "join"),
        specs.task("join", trigger_rule="none_failed_min_one_success"),
    ]
    parsed_dag(tenant, specs.dag("branching", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("branching")

    def outcome(work: object) -> tuple[str, list[Operation]]:
        ti = work.task.ti  # type: ignore[attr-defined]
        skip = Operation(kind="skip_downstream", body={"tasks": ["right"]})
        return "success", [skip] if ti["task_id"] == "branch" else []

    walk.run_all(outcome)
    assert walk.states(run) == {"branch": "success", "left": "success", "right": "skipped", "join": "success"}
    assert walk.run_state(run) == "success"


def test_a_mapped_task_expands_over_an_xcom_and_its_downstream_waits_for_all(tenant: Tenant) -> None:
    tasks = [
        specs.task("list", "each"),
        specs.task("each", "sum", is_mapped=True, expand={"kind": "xcom", "task_id": "list"}),
        specs.task("sum"),
    ]
    parsed_dag(tenant, specs.dag("mapping", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("mapping")
    walk.schedule()
    (work,) = walk.claim()
    push = Operation(kind="xcom_set", body={"key": "return_value", "value": [1, 2, 3], "mapped_length": 3})
    walk.say(work, "success", push)
    walk.schedule()
    works = walk.claim()
    assert sorted(w.task.ti["map_index"] for w in works if w.task) == [0, 1, 2]
    for work in works[:2]:
        walk.say(work, "success")
    walk.schedule()
    assert walk.states(run)["sum"] is None
    walk.say(works[2], "success")
    walk.run_all()
    assert walk.states(run)["sum"] == "success"
    assert walk.run_state(run) == "success"


def test_mapping_over_nothing_skips(tenant: Tenant) -> None:
    tasks = [
        specs.task("each", "after", is_mapped=True, expand={"kind": "literal", "length": 0}),
        specs.task("after"),
    ]
    parsed_dag(tenant, specs.dag("mapping", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("mapping")
    walk.run_all()
    assert walk.states(run) == {"each": "skipped", "after": "skipped"}
    assert walk.run_state(run) == "success"


def test_mapping_over_something_unmappable_fails_with_a_reason(tenant: Tenant) -> None:
    tasks = [
        specs.task("list", "each"),
        specs.task("each", is_mapped=True, expand={"kind": "xcom", "task_id": "list"}),
    ]
    parsed_dag(tenant, specs.dag("mapping", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("mapping")
    walk.run_all()
    assert walk.states(run) == {"list": "success", "each": "upstream_failed"}
    assert "list returned no list or dict" in (walk.instance(run, "each").note or "")


def test_empty_operators_end_without_a_worker(tenant: Tenant) -> None:
    tasks = [
        specs.task("start", "work", is_empty=True, operator="EmptyOperator"),
        specs.task("work", "end"),
        specs.task("end", is_empty=True, operator="EmptyOperator"),
    ]
    parsed_dag(tenant, specs.dag("empty", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("empty")
    walk.schedule()
    assert [work.task.ti["task_id"] for work in walk.claim() if work.task] == ["work"]
    assert walk.states(run)["start"] == "success"


def test_a_pool_holds_back_with_a_reason(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Pool(tenant=tenant, name="etl", slots=2).save()
    tasks = [specs.task(f"t{n}", pool="etl", pool_slots=1) for n in range(3)]
    parsed_dag(tenant, specs.dag("pooled", tasks))
    walk = walk_for(tenant)
    run = walk.trigger("pooled")
    done = walk.schedule()
    assert (done.dispatched, done.held) == (2, 1)
    held = next(t for t, s in walk.states(run).items() if s == "scheduled")
    assert "etl" in (walk.instance(run, held).held_reason or "")
    works = walk.claim()
    walk.say(works[0], "success")
    walk.schedule()
    assert len(walk.claim()) == 1


def test_max_active_runs_queues_the_next_run(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("limited", 1, max_active_runs=1))
    walk = walk_for(tenant)
    first, second = walk.trigger("limited", run_id="a"), walk.trigger("limited", run_id="b")
    walk.schedule()
    assert (walk.run_state(first), walk.run_state(second)) == ("running", "queued")
    (work,) = walk.claim()
    walk.say(work, "success")
    walk.schedule()
    assert (walk.run_state(first), walk.run_state(second)) == ("success", "running")


def test_the_same_run_id_twice_is_refused(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 1))
    walk = walk_for(tenant)
    walk.trigger("chain", run_id="mine")
    with pytest.raises(RunExists):
        walk.trigger("chain", run_id="mine")


def test_handed_back_work_is_dispatched_again_without_a_try(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 1))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.schedule()
    (work,) = walk.claim()
    back = Report(
        id=work.id, tenant_id=str(tenant.id), epoch=work.epoch, operations=[Operation(kind="handed_back")]
    )
    assert walk.report(back)[0].verdict == "accepted"
    walk.schedule()
    (again,) = walk.claim()
    assert again.task is not None
    assert (again.epoch, again.task.ti["try_number"]) == (2, 1)
    assert walk.states(run) == {"task_0": "running"}


def test_a_stranger_cannot_report_for_this_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("chain", 1))
    walk = walk_for(tenant)
    run = walk.trigger("chain")
    walk.schedule()
    (work,) = walk.claim()
    stranger = walk_for(other_tenant, name="elsewhere")
    verdict = stranger.say(work, "success")
    assert (verdict.verdict, verdict.reason) == ("refused", "unknown")
    assert walk.states(run) == {"task_0": "running"}
