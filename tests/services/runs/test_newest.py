"""Clearing with the newest version: tasks come and go, and each try keeps what it ran."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.runs.clear import clear_new_tasks, rerun_with_latest
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag, published_bundle
from tests.support.hands import clear, finish
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _deploy(it: Scene, *tasks: dict[str, Any], **fields: Any) -> tuple[Dag, BundleVersion]:
    """The DAG's next version, in a bundle of its own."""
    bundle = published_bundle(it.tenant, {"dags/scene.py": str(tasks)})
    return parsed_dag(it.tenant, specs.dag("scene", list(tasks), **fields), bundle=bundle), bundle


def _two(tenant: Tenant) -> Scene:
    it = scene(tenant, specs.task("first", "last"), specs.task("last"))
    finish(it)
    return it


def test_added_tasks_appear_and_vanished_ones_are_removed(tenant: Tenant) -> None:
    it = _two(tenant)
    old = it.run_row()
    dag, bundle = _deploy(it, specs.task("added", "last"), specs.task("last", "end"), specs.task("end"))
    clear(it, "last", latest=True)
    run = it.run_row()
    assert (run.dag_version_id, run.bundle_version_id) == (dag.current_version_id, bundle.id)
    assert it.states() == {"first": "removed", "added": None, "last": None, "end": None}
    finish(it)
    assert it.states() == {"first": "removed", "added": "success", "last": "success", "end": "success"}
    assert (it.run_row().state, it.row("added").try_number, it.row("last").try_number) == ("success", 1, 2)
    with tenant_scope(tenant.id):
        past = TaskTry.objects.get(task_instance_id=it.row("last").id)
    assert (past.dag_version_id, past.bundle_version_id) == (old.dag_version_id, old.bundle_version_id)


def test_what_is_not_cleared_keeps_what_it_ran(tenant: Tenant) -> None:
    it = _two(tenant)
    old = it.run_row()
    _deploy(it, specs.task("before", "first"), specs.task("first", "last"), specs.task("last"))
    clear(it, "last", latest=True)
    row = it.row("first")
    assert (row.state, row.ran_version_id, row.ran_bundle_id) == (
        "success",
        old.dag_version_id,
        old.bundle_version_id,
    )
    assert it.row("last").ran_version_id is None
    finish(it)
    assert it.row("first").try_number == 1


def test_an_added_task_is_as_in_a_fresh_run(tenant: Tenant) -> None:
    it = _two(tenant)
    added = specs.task("added", retries=3, pool_slots=2, queue="special", trigger_rule="all_done")
    _deploy(it, specs.task("first", "last"), specs.task("last", "added"), added)
    clear(it, "last", latest=True)
    fresh = it.walk.trigger("scene")
    apart = {"id", "dag_run_id", "run_id", "tenant_id"}
    with tenant_scope(tenant.id):
        mine, theirs = (
            TaskInstance.objects.filter(dag_run_id=run, task_id="added").values().get()
            for run in (it.run.id, fresh.id)
        )
    assert {k: v for k, v in mine.items() if k not in apart} == {
        k: v for k, v in theirs.items() if k not in apart
    }


def test_a_removed_task_comes_back_with_its_version(tenant: Tenant) -> None:
    it = _two(tenant)
    _deploy(it, specs.task("last"))
    clear(it, "last", latest=True)
    finish(it)
    assert it.states() == {"first": "removed", "last": "success"}
    _deploy(it, specs.task("first", "last"), specs.task("last", retries=1))
    clear(it, "last", latest=True)
    assert it.states() == {"first": None, "last": None}
    finish(it)
    assert it.row("first").try_number == 2 and it.run_row().state == "success"


def test_the_original_code_is_the_default(tenant: Tenant) -> None:
    it = _two(tenant)
    old = it.run_row()
    _deploy(it, specs.task("other"))
    clear(it)
    finish(it)
    run = it.run_row()
    assert (run.dag_version_id, run.bundle_version_id) == (old.dag_version_id, old.bundle_version_id)
    assert it.states() == {"first": "success", "last": "success"}


def test_the_dag_says_which_when_nobody_else_does(tenant: Tenant) -> None:
    it = _two(tenant)
    with tenant_scope(tenant.id):
        assert rerun_with_latest(dag_id="scene", wanted=None) is False
        assert rerun_with_latest(dag_id="scene", wanted=True) is True
    _deploy(it, specs.task("first"), rerun_with_latest_version=True)
    with tenant_scope(tenant.id):
        assert rerun_with_latest(dag_id="scene", wanted=None) is True
        assert rerun_with_latest(dag_id="scene", wanted=False) is False


def test_only_what_is_new_runs(tenant: Tenant) -> None:
    it = _two(tenant)
    _deploy(it, specs.task("first", "last"), specs.task("last", "added"), specs.task("added"))
    with tenant_scope(tenant.id):
        clear_new_tasks(run=it.run_row(), by="somebody", now=utc_now())
    invariants.check(tenant)
    assert it.states() == {"first": "success", "last": "success", "added": None}
    finish(it)
    assert [it.row(name).try_number for name in ("first", "last", "added")] == [1, 1, 1]
    before = it.run_row()
    with tenant_scope(tenant.id):
        clear_new_tasks(run=before, by="somebody", now=utc_now())
    assert it.run_row().clear_number == before.clear_number, "nothing is new"


def test_what_runs_goes_on_with_what_it_has(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("slow", "last"), specs.task("gone"), specs.task("last", retries=1)).begin()
    old = it.run_row()
    works = it.start("slow", "gone")
    it.walk.say(works["gone"], "success")
    it.walk.schedule()
    _, bundle = _deploy(it, specs.task("slow", "last", retries=1), specs.task("last"))
    clear(it, "last", latest=True)
    assert it.states() == {"slow": "running", "gone": "success", "last": None}
    assert it.walk.say(works["slow"], "up_for_retry", retry_delay_seconds=0).verdict == "accepted"
    with tenant_scope(tenant.id):
        past = TaskTry.objects.get(task_instance_id=it.row("slow").id)
    assert (past.dag_version_id, past.bundle_version_id) == (old.dag_version_id, old.bundle_version_id)
    it.walk.schedule()
    (again,) = it.walk.claim()
    assert again.bundle is not None and again.bundle.digest == bundle.digest
    assert it.row("slow").ran_version_id is None
