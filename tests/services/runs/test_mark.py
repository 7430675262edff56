"""Marking through the whole control plane: what waits goes on, what ran is stopped, runs end and free their place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.workload import Workload
from controlplane.runs.choose import newest_spec
from controlplane.runs.mark import marked_by
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.hands import finish, mark, mark_run, tries
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _chain(tenant: Tenant, **fields: object) -> Scene:
    return scene(
        tenant,
        specs.task("first", "middle"),
        specs.task("middle", "last"),
        specs.task("last"),
        **fields,
    )


def test_a_success_wakes_what_had_failed_below(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, first="failed")
    assert (it.run_row().state, it.states()["last"]) == ("failed", "upstream_failed")
    assert mark(it, "success", "first") == [it.row("first").id]
    row = it.row("first")
    assert (row.state, row.try_number, tries(it, "first")) == ("success", 1, []), "nothing ran again"
    assert it.states()["middle"] is None and it.run_row().state == "queued"
    finish(it)
    assert (it.run_row().state, it.row("first").try_number) == ("success", 1)
    assert set(it.states().values()) == {"success"}


def test_what_waits_goes_on_from_a_mark(tenant: Tenant) -> None:
    it = _chain(tenant).begin()
    mark(it, "success", "first")
    it.walk.schedule()
    assert it.states() == {"first": "success", "middle": "queued", "last": None}
    mark(it, "failed", "middle")
    assert it.workloads() == [], "nobody starts it any more"
    it.walk.schedule()
    assert it.states()["last"] == "upstream_failed" and it.run_row().state == "failed"
    assert it.dag_row().active_runs == 0


def test_what_runs_is_stopped_and_counts_no_more(tenant: Tenant) -> None:
    it = _chain(tenant).begin()
    work = it.start("first")["first"]
    mark(it, "success", "first")
    with tenant_scope(tenant.id):
        assert Workload.objects.get(ref=it.row("first").id).stop == "marked success by somebody"
    late = it.walk.say(work, "failed")
    assert (late.verdict, late.reason) == ("refused", "superseded")
    assert it.workloads() == [] and it.states()["first"] == "success"
    finish(it)
    assert it.run_row().state == "success"


def test_the_last_end_ends_the_run(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    mark(it, "skipped", "only")
    it.walk.schedule()
    invariants.check(tenant, at_rest=True)
    assert it.run_row().state == "success"


def test_relatives_are_marked_too_but_no_teardown_below(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("above", "here"),
        specs.task("here", "below"),
        specs.task("below", "down"),
        specs.task("down", is_teardown=True, trigger_rule="all_done_setup_success"),
    ).begin()
    found = mark(it, "success", "here", upstream=True, downstream=True)
    assert found == [it.row(name).id for name in ("above", "here", "below")]
    finish(it)
    assert it.row("down").try_number == 1 and it.row("below").try_number == 0


def test_one_index_of_a_mapped_task(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("many", "after", is_mapped=True, expand={"kind": "literal", "length": 2}),
        specs.task("after"),
    )
    finish(it, many="failed")
    assert it.states()["after"] == "upstream_failed"
    mark(it, "success", ("many", 0), ("many", 1))
    finish(it)
    assert it.states() == {"many[0]": "success", "many[1]": "success", "after": "success"}


def test_neighbours_by_logical_date(tenant: Tenant) -> None:
    it = _chain(tenant)
    when = utc_now()
    runs = [it.walk.trigger("scene", logical_date=when + timedelta(days=n)) for n in (1, 2, 3)]
    with tenant_scope(tenant.id):
        spec = newest_spec("scene")
        counts = [
            len(marked_by(spec=spec, run=runs[1], tasks=["first"], state="success", upstream=False,
                          downstream=False, past=past, future=future))
            for past, future in ((False, False), (True, False), (False, True), (True, True))
        ]  # fmt: skip
    assert counts == [1, 2, 2, 3]
    mark(it, "failed", "first", run=runs[1], past=True)
    assert [it.walk.states(run)["first"] for run in runs] == ["failed", "failed", None]


def test_marking_what_it_is_changes_nothing(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it)
    epoch = it.row("first").epoch
    assert mark(it, "success", "first") == []
    assert (it.row("first").epoch, it.run_row().state) == (epoch, "success")


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_ends_and_so_does_what_ran(tenant: Tenant, state: str) -> None:
    it = scene(
        tenant, specs.task("runs", "below"), specs.task("waits"), specs.task("below"), max_active_runs=1
    ).begin()
    second = it.walk.trigger("scene")
    it.start("runs")
    mark_run(it, state)
    run = it.run_row()
    assert (run.state, run.end_date is not None) == (state, True)
    assert it.states() == {"runs": state, "waits": "skipped", "below": "skipped"}
    assert it.dag_row().active_runs == 0
    it.walk.schedule()
    assert it.walk.run_state(second) == "running", "its place is free"
    invariants.check(tenant, at_rest=True, said={it.run.run_id})


def test_teardowns_come_to_their_own_end_first(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("work", "down"),
        specs.task("down", is_teardown=True, trigger_rule="all_done"),
    ).begin()
    it.start("work")
    mark_run(it, "failed")
    assert it.run_row().state == "running" and it.states() == {"work": "failed", "down": None}
    finish(it)
    assert it.states()["down"] == "success" and it.run_row().state == "failed"


def test_a_run_that_is_over_is_said_to_have_ended_otherwise(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, last="failed")
    ended = it.run_row().end_date
    mark_run(it, "success")
    run = it.run_row()
    assert (run.state, run.end_date, it.states()["last"]) == ("success", ended, "failed")


def test_a_run_is_queued_again(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, last="failed")
    mark_run(it, "queued")
    run = it.run_row()
    assert (run.state, run.start_date, run.end_date, run.clear_number) == ("queued", None, None, 0)
    it.walk.schedule()
    assert it.run_row().state == "failed", "nothing of it was cleared"
    invariants.check(tenant, at_rest=True)
