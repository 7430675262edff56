"""skip_tasks.sql: a running branch skips what is below it, unless it runs or is over."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.transitions import Outcome, finish_tasks
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.scene import Scene, scene
from tests.support.sessions import another_session, lock_rows

pytestmark = pytest.mark.django_db


def _branching(tenant: Tenant, **left: Any) -> Scene:
    it = scene(
        tenant,
        specs.task("branch", "left"),
        specs.task("other", "left"),
        specs.task("left", "end", retries=1, **left),
        specs.task("end"),
    ).begin()
    it.start("branch")
    return it


def _skip(it: Scene, *tasks: str, epoch: int = 1) -> dict[str, Any]:
    me = it.row("branch").id
    return {
        "ids": [me] * len(tasks),
        "epochs": [epoch] * len(tasks),
        "task_ids": list(tasks),
        "map_indexes": [None] * len(tasks),
        "now": utc_now(),
    }


def test_what_waits_is_skipped_and_told(tenant: Tenant) -> None:
    it = _branching(tenant)
    left = it.row("left").id
    assert it.execute("skip_tasks", **_skip(it, "left")) == [(left,)]
    assert (it.states()["left"], it.items()) == ("skipped", [("finished", left)])
    assert it.execute("skip_tasks", **_skip(it, "left")) == [], "once"


@pytest.mark.parametrize("state", ["scheduled", "queued", "up_for_retry", "up_for_reschedule", "deferred"])
def test_what_has_not_begun_or_pauses_is_skipped_with_all_it_held(tenant: Tenant, state: str) -> None:
    it = _branching(tenant, trigger_rule="one_success")
    it.end("other", "success")
    it.propagate("other")
    if state == "queued":
        it.dispatch("left")
    elif state != "scheduled":
        it.end("left", state)
    it.forget_items()
    assert it.execute("skip_tasks", **_skip(it, "left"))
    row = it.row("left")
    assert (row.state, row.held_reason, row.due_at) == ("skipped", None, None)
    assert (row.id, 1) not in it.workloads(), "nobody may start it any more"
    assert it.items() == [("finished", row.id)]


def test_what_runs_or_ran_is_left_alone(tenant: Tenant) -> None:
    it = _branching(tenant, trigger_rule="one_success")
    it.end("other", "success")
    it.propagate("other")
    it.start("left")
    assert it.execute("skip_tasks", **_skip(it, "left", "other")) == []
    assert (it.states()["left"], it.states()["other"]) == ("running", "success")


def test_what_an_agent_is_just_claiming_is_left_to_it(tenant: Tenant, superuser: Any) -> None:
    it = _branching(tenant, trigger_rule="one_success")
    it.end("other", "success")
    it.propagate("other")
    it.dispatch("left")
    with another_session(superuser) as other:
        other.execute("SELECT id FROM workload WHERE ref = %s FOR UPDATE", [str(it.row("left").id)])
        assert it.execute("skip_tasks", **_skip(it, "left")) == []
    assert it.execute("skip_tasks", **_skip(it, "left"))


def test_a_skip_wins_over_an_upstream_failure_that_was_noticed_first(tenant: Tenant) -> None:
    """As in Airflow, where the branch would have won had it been quicker."""
    it = _branching(tenant)
    it.end("other", "failed")
    it.walk.schedule()
    assert (it.states()["left"], it.states()["end"]) == ("upstream_failed", "upstream_failed")
    assert it.run_row().failed_leaves == 1
    assert it.execute("skip_tasks", **_skip(it, "left", "end"))
    assert it.run_row().failed_leaves == 0
    assert it.items("finished") == [], "both were counted before"
    invariants.check(tenant)


def test_who_waits_below_counts_the_skip_instead_of_the_failure(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("branch", "left"),
        specs.task("other", "left"),
        specs.task("left", "end"),
        specs.task("slow", "end"),
        specs.task("end", trigger_rule="all_done"),
    ).begin()
    it.start("branch")
    it.end("other", "failed")
    it.walk.schedule()
    assert it.row("end").upstream_upstream_failed == 1
    it.execute("skip_tasks", **_skip(it, "left"))
    row = it.row("end")
    assert (row.upstream_upstream_failed, row.upstream_skipped) == (0, 1)
    invariants.check(tenant)


def test_only_the_running_attempt_may_skip(tenant: Tenant) -> None:
    it = _branching(tenant)
    late = _skip(it, "left", epoch=0)
    assert it.execute("skip_tasks", **late) == []
    assert it.without("skip_tasks", "AND me.epoch = s.epoch", **late), "the epoch is what held it"
    row = it.row("branch")
    with tenant_scope(tenant.id):
        assert finish_tasks(
            outcomes=[Outcome(id=row.id, epoch=1, state="success", ended_at=utc_now())], now=utc_now()
        )
    ended = _skip(it, "left")
    assert it.execute("skip_tasks", **ended) == []
    assert it.without("skip_tasks", "AND me.state = 'running'", **ended), "and the state"


def test_the_run_is_locked_before(tenant: Tenant, superuser: Any) -> None:
    """lock_runs.sql waits for the scheduler that is propagating in this run."""
    it = _branching(tenant)
    with another_session(superuser) as other:
        lock_rows(other, "dag_run", it.run.id)
        other.execute("SET LOCAL statement_timeout = 0")
        with pytest.raises(Exception, match="lock timeout"):
            _with_timeout(it)
    assert it.execute("lock_runs", ids=[it.row("branch").id]) == [(it.run.id,)]


def _with_timeout(it: Scene) -> None:
    me = it.row("branch").id
    with tenant_scope(it.tenant.id):
        connection.cursor().execute("SET LOCAL lock_timeout = '50ms'")
        execute("ledger/sql/lock_runs.sql", ids=[me])


def test_a_stranger_skips_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _branching(tenant), _branching(other_tenant)
    assert other.execute("skip_tasks", **_skip(it, "left")) == []
    assert it.states()["left"] is None
    assert other.states()["left"] is None
