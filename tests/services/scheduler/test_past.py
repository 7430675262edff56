"""Tasks that depend on their past wait for the run before, say so, and are woken by its ends, never by a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.transitions import add_items
from taskwire.agent import Operation
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def runs_of(walk: Walk, dag_id: str, count: int, **more: object) -> list[DagRun]:
    """Runs on successive days, oldest first."""
    return [
        walk.trigger(
            dag_id,
            logical_date=FIRST + timedelta(days=day),
            run_id=f"day-{day}",
            **{"run_type": "scheduled", **more},
        )
        for day in range(count)
    ]


def claimed(walk: Walk) -> dict[tuple[str, str], Workload]:
    """What may run now, by (run id, task id)."""
    walk.schedule()
    return {(work.task.ti["run_id"], work.task.ti["task_id"]): work for work in walk.claim() if work.task}


def reason(walk: Walk, run: DagRun, task_id: str) -> str | None:
    return walk.instance(run, task_id).held_reason


def test_a_task_waits_for_itself_in_the_run_before(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("one", "two", depends_on_past=True), specs.task("two")]))
    walk = walk_for(tenant)
    _, second, third = runs_of(walk, "past", 3)
    works = claimed(walk)
    assert list(works) == [("day-0", "one")]
    assert walk.states(second) == {"one": None, "two": None}
    assert reason(walk, second, "one") == (
        "past_unfinished: depends_on_past: it waits for task 'one' of run 'day-0'"
    )
    invariants.check(tenant, at_rest=True)
    walk.say(works["day-0", "one"], "success")
    works = claimed(walk)
    assert set(works) == {("day-0", "two"), ("day-1", "one")}, "its own task is enough, not the whole run"
    assert reason(walk, second, "one") is None
    walk.say(works["day-1", "one"], "skipped")
    assert ("day-2", "one") in claimed(walk), "skipped is as good as success"
    assert walk.states(third)["one"] == "running"


def test_a_failure_that_a_branch_turns_into_a_skip_lets_the_next_run_go_on(tenant: Tenant) -> None:
    """Found by a random history: the waiting task was not told, and waited for ever."""
    tasks = [
        specs.task("broken", "joined"),
        specs.task("branch", "joined", can_skip_downstream=True),
        specs.task("joined", depends_on_past=True),
    ]
    parsed_dag(tenant, specs.dag("past", tasks))
    walk = walk_for(tenant)
    first, second = runs_of(walk, "past", 2)
    works = claimed(walk)
    walk.say(works["day-0", "broken"], "failed")
    for name in ("broken", "branch"):
        walk.say(works["day-1", name], "success")
    assert claimed(walk) == {}
    assert walk.states(first)["joined"] == "upstream_failed"
    assert "past" in (reason(walk, second, "joined") or "")
    skip = Operation(kind="skip_downstream", body={"tasks": ["joined"]})
    walk.say(works["day-0", "branch"], "success", skip)
    assert set(claimed(walk)) == {("day-1", "joined")}
    assert walk.states(first)["joined"] == "skipped"


def test_nothing_polls_while_a_task_waits_for_its_past(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("one", depends_on_past=True)]))
    walk = walk_for(tenant)
    runs_of(walk, "past", 2)
    claimed(walk)
    with tenant_scope(tenant.id):
        assert not WorkItem.objects.exists()


def test_a_failed_past_holds_until_it_succeeds_after_all(tenant: Tenant) -> None:
    task = specs.task("one", depends_on_past=True, retries=1, retry_delay_seconds=0.0)
    parsed_dag(tenant, specs.dag("past", [task]))
    walk = walk_for(tenant)
    first, second = runs_of(walk, "past", 2)
    walk.say(claimed(walk)["day-0", "one"], "failed")
    assert claimed(walk) == {}
    assert walk.run_state(first) == "failed" and walk.run_state(second) == "running"
    assert reason(walk, second, "one") == (
        "past_failed: depends_on_past: task 'one' of run 'day-0' is failed and must succeed or be skipped"
    )


def test_wait_for_downstream_waits_for_what_is_directly_below(tenant: Tenant) -> None:
    tasks = [
        specs.task("one", "two", wait_for_downstream=True),
        specs.task("two", "three"),
        specs.task("three"),
    ]
    parsed_dag(tenant, specs.dag("past", tasks))
    walk = walk_for(tenant)
    _, second = runs_of(walk, "past", 2)
    walk.say(claimed(walk)["day-0", "one"], "success")
    works = claimed(walk)
    assert list(works) == [("day-0", "two")]
    assert reason(walk, second, "one") == (
        "past_downstream: wait_for_downstream: it waits for task 'two' of run 'day-0'"
    )
    walk.say(works["day-0", "two"], "success")
    assert set(claimed(walk)) == {("day-0", "three"), ("day-1", "one")}


@pytest.mark.parametrize(("catchup", "waits"), [(True, False), (False, True)])
def test_with_catchup_runs_started_by_hand_are_not_the_past(
    tenant: Tenant, catchup: bool, waits: bool
) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("one", depends_on_past=True)], catchup=catchup))
    walk = walk_for(tenant)
    walk.trigger("past", logical_date=FIRST - timedelta(days=1), run_id="by-hand", run_type="manual")
    runs_of(walk, "past", 1)
    assert (("day-0", "one") not in claimed(walk)) is waits


def test_a_run_without_a_logical_date_has_no_past(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("one", depends_on_past=True)]))
    walk = walk_for(tenant)
    runs_of(walk, "past", 1)
    walk.trigger("past", run_id="dateless")
    assert set(claimed(walk)) == {("day-0", "one"), ("dateless", "one")}


@pytest.mark.parametrize("ignore", [True, False])
def test_a_task_that_is_new_waits_unless_told_to_ignore_its_first_time(tenant: Tenant, ignore: bool) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("old")]))
    walk = walk_for(tenant)
    runs_of(walk, "past", 1)
    walk.run_all()
    new = specs.task("new", depends_on_past=True, ignore_first_depends_on_past=ignore)
    parsed_dag(tenant, specs.dag("past", [specs.task("old"), new]))
    second = walk.trigger("past", logical_date=FIRST + timedelta(days=1), run_id="second")
    assert (("second", "new") in claimed(walk)) is ignore
    if not ignore:
        assert str(reason(walk, second, "new")).startswith("past_missing: ")


def test_skips_and_upstream_failures_ask_no_past(tenant: Tenant) -> None:
    tasks = [specs.task("top", "below"), specs.task("below", depends_on_past=True)]
    parsed_dag(tenant, specs.dag("past", tasks))
    walk = walk_for(tenant)
    first, second = runs_of(walk, "past", 2)
    works = claimed(walk)
    walk.say(works["day-1", "top"], "failed")
    walk.schedule()
    assert walk.states(second)["below"] == "upstream_failed"
    assert walk.states(first)["below"] is None


def test_mapped_and_empty_tasks_ask_their_past_too(tenant: Tenant) -> None:
    mapped = specs.task(
        "mapped", depends_on_past=True, is_mapped=True, expand={"kind": "literal", "length": 2}
    )
    tasks = [
        mapped,
        specs.task("slow", "empty"),
        specs.task("empty", is_empty=True, wait_for_downstream=True),
    ]
    parsed_dag(tenant, specs.dag("past", tasks))
    walk = walk_for(tenant)
    first, second = runs_of(walk, "past", 2)
    walk.schedule()
    held = {"mapped[0]": None, "mapped[1]": None, "empty": None}
    assert walk.states(second) == {**held, "slow": "queued"}
    works = walk.claim()
    for work in works:
        assert work.task
        if work.task.ti["run_id"] == "day-1":
            walk.say(work, "success")
    walk.schedule()
    assert walk.states(second) == {**held, "slow": "success"}
    one, two = [work for work in works if work.task and work.task.ti["task_id"] == "mapped"]
    walk.say(one, "success")
    walk.schedule()
    assert walk.states(second)["mapped[0]"] is None, "all instances of the past count"
    walk.say(two, "success")
    walk.schedule()
    assert walk.states(second) == {
        "mapped[0]": "queued",
        "mapped[1]": "queued",
        "slow": "success",
        "empty": None,
    }
    walk.run_all()
    for work in works:
        if work.task and work.task.ti["run_id"] == "day-0" and work.task.ti["task_id"] == "slow":
            walk.say(work, "success")
    walk.run_all()
    assert walk.run_state(first) == walk.run_state(second) == "success"
    invariants.check(tenant, at_rest=True)


def test_the_first_run_of_a_backfill_asks_nobody(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("past", [specs.task("one", depends_on_past=True)]))
    walk = walk_for(tenant)
    first, second = runs_of(walk, "past", 2)
    assert set(claimed(walk)) == {("day-0", "one")}
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=second.id).update(backfill_id=second.id, backfill_ordinal=1)
        add_items(items=[("past", first.id, utc_now())])
    assert set(claimed(walk)) == {("day-1", "one")}


def test_another_tenants_runs_are_no_past(tenant: Tenant, other_tenant: Tenant) -> None:
    spec = specs.dag("past", [specs.task("one", depends_on_past=True)])
    parsed_dag(tenant, spec)
    parsed_dag(other_tenant, spec)
    walk, other = walk_for(tenant), walk_for(other_tenant)
    runs_of(walk, "past", 1)
    other.trigger("past", logical_date=FIRST + timedelta(days=1), run_id="theirs")
    assert list(claimed(other)) == [("theirs", "one")]
