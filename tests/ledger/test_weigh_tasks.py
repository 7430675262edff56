"""weigh_tasks.sql and revise_tasks.sql: tasks that read what is above them are decided by what is there."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.transitions import Outcome, dispatch_tasks, finish_tasks
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Rows, Scene, scene

pytestmark = pytest.mark.django_db
INSIDE = {"group_id": "g", "mapped_group_ids": ["g"]}
GROUPS = [{"group_id": "g", "is_mapped": True, "expand": {"kind": "literal", "length": 3}}]


def _group(tenant: Tenant) -> Scene:
    """a[i] -> b[i] -> c[i], three indexes, a scheduled."""
    return scene(
        tenant,
        specs.task("a", "b", **INSIDE),
        specs.task("b", "c", **INSIDE),
        specs.task("c", **INSIDE),
        groups=GROUPS,
    ).begin()


def _end(it: Scene, task_id: str, index: int, state: str = "success") -> None:
    """A scheduled instance runs and ends; nobody is told."""
    with tenant_scope(it.tenant.id):
        row = it.row(task_id, index)
        ((_, epoch),) = dispatch_tasks(ids=[row.id], now=utc_now(), using="default")
    assert len(it.walk.claim()) == 1
    with tenant_scope(it.tenant.id):
        outcome = Outcome(id=row.id, epoch=epoch, state=state, ended_at=utc_now())
        assert finish_tasks(outcomes=[outcome], now=utc_now())


def _weigh(it: Scene, *changed: tuple[str, int], targets: tuple[tuple[str, int], ...] = ()) -> Rows:
    return it.execute(
        "weigh_tasks",
        changed=[it.row(*each).id for each in changed],
        targets=[it.row(*each).id for each in targets],
        now=utc_now(),
    )


def test_an_end_wakes_its_own_index_only(tenant: Tenant) -> None:
    it = _group(tenant)
    for index in range(3):
        _end(it, "a", index, "failed" if index == 2 else "success")
    assert _weigh(it, ("a", 1)) == [("task", it.row("b", 1).id, "scheduled")]
    assert it.states()["b[0]"] is None, "its upstream is over too, but nobody has told so yet"
    assert _weigh(it, ("a", 2)) == [("task", it.row("b", 2).id, "upstream_failed")]
    assert it.row("b", 1).try_number == 1


def test_asking_again_changes_nothing(tenant: Tenant) -> None:
    it = _group(tenant)
    _end(it, "a", 0)
    assert len(_weigh(it, ("a", 0))) == 1
    assert _weigh(it, ("a", 0)) == []


def test_nothing_is_decided_before_what_it_reads_has_ended(tenant: Tenant) -> None:
    it = _group(tenant)
    assert _weigh(it, targets=(("b", 0), ("c", 2))) == []
    _end(it, "a", 0)
    assert [row[2] for row in _weigh(it, targets=(("b", 0), ("b", 1)))] == ["scheduled"]


def test_only_in_running_runs(tenant: Tenant) -> None:
    it = _group(tenant)
    _end(it, "a", 0)
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=it.run.id).update(state="queued")
    assert _weigh(it, ("a", 0)) == []
    unguarded = it.without(
        "weigh_tasks", "AND state = 'running' ", changed=[it.row("a", 0).id], targets=[], now=utc_now()
    )
    assert len(unguarded) == 1


def test_a_stranger_weighs_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _group(tenant), scene(other_tenant)
    _end(it, "a", 0)
    ids = [it.row("a", 0).id]
    assert other.execute("weigh_tasks", changed=ids, targets=[it.row("b", 0).id], now=utc_now()) == []
    assert other.execute("revise_tasks", ids=[it.row("b", 0).id], lengths=[1], now=utc_now()) == []
    assert it.states()["b[0]"] is None


def test_revising_removes_keeps_and_adds(tenant: Tenant) -> None:
    it = _group(tenant)
    b = [it.row("b", index).id for index in range(3)]
    rows = dict(it.execute("revise_tasks", ids=b, lengths=[2] * 3, now=utc_now()))
    assert [rows[each] for each in b] == ["scheduled", "scheduled", "removed"]
    c = it.row("c", 0).id
    more = it.execute("revise_tasks", ids=[c], lengths=[5], now=utc_now())
    assert sorted(state or "new" for _, state in more) == ["new", "new", "scheduled"]
    assert it.run_row().unfinished == 9 + 2
    assert it.execute("revise_tasks", ids=[c], lengths=[1], now=utc_now()) == [], "it waits no more"
