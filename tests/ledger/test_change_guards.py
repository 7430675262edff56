"""What only the guards of changes by hand keep: each statement with and without its guard, and the order of locks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg2.errors import LockNotAvailable

from controlplane.foundation.clock import utc_now
from controlplane.ledger import clearing
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.workload import Workload
from controlplane.runs import clear as clear_module
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.hands import clear
from tests.support.scene import Rows, Scene, scene
from tests.support.sessions import Other, another_session, lock_rows

pytestmark = pytest.mark.django_db

SAME_EPOCH = "AND ti.epoch = target.epoch"
SAME_STATE = "AND ti.state IS NOT DISTINCT FROM target.was"


def _two(tenant: Tenant) -> Scene:
    return scene(tenant, specs.task("first", "last"), specs.task("last")).begin()


def _raced(
    it: Scene, superuser: Any, change: str, file: str, guards: tuple[str, ...], **parameters: Any
) -> Rows:
    """What the statement moves (without these guards) when somebody changes `first` between its look and its lock."""
    found: list[Any] = []

    def act() -> None:
        found.extend(it.without(file, *guards, **parameters) if guards else it.execute(file, **parameters))

    with another_session(superuser) as first:
        first.execute(f"UPDATE task_instance SET {change} WHERE id = %s", [str(it.row("first").id)])
        beside = Other(act)
        beside.wait_until_blocked(superuser)
        first.connection.commit()
        beside.join()
    assert beside.error is None, beside.error
    return found


@pytest.mark.parametrize(
    ("change", "guard"),
    [("epoch = epoch + 1", SAME_EPOCH), ("state = 'success'", SAME_STATE)],
    ids=["epoch", "state"],
)
def test_a_clear_moves_only_what_it_saw(tenant: Tenant, superuser: Any, change: str, guard: str) -> None:
    """Instances are held before; who forgets that still writes over nobody."""
    it = _two(tenant)
    asked = {"ids": [it.row("first").id], "reason": "", "now": utc_now()}
    assert _raced(it, superuser, change, "clear_tasks", (), **asked) == []
    other_change = "epoch = epoch + 1" if guard is SAME_EPOCH else "state = 'failed'"
    assert _raced(it, superuser, other_change, "clear_tasks", (guard,), **asked), "that is what held it"


def test_what_restarts_already_is_left_to_it(tenant: Tenant) -> None:
    """Its try is stored once, and its agent hears one reason."""
    it = _two(tenant)
    it.start("first")
    clear(it, "first")
    asked = {"ids": [it.row("first").id], "reason": "again", "now": utc_now()}
    guard = "WHERE ti.state IS DISTINCT FROM 'restarting'"
    assert it.without("clear_tasks", guard, **asked), "that is what held it"
    assert it.execute("clear_tasks", **asked) == []


def test_a_mark_of_what_it_is_moves_nothing(tenant: Tenant) -> None:
    it = _two(tenant)
    it.end("first", "success")
    row = it.row("first")
    asked = {"ids": [row.id], "state": "success", "reason": "", "now": utc_now()}
    assert it.execute("mark_tasks", **asked) == []
    assert it.row("first").epoch == row.epoch, "what was reported still counts"
    assert it.without("mark_tasks", "AND ti.state IS DISTINCT FROM %(state)s::text", **asked)


def test_only_claimed_attempts_are_told_to_stop(tenant: Tenant) -> None:
    """One that nobody has claimed is taken back: an order to stop it would keep it for ever."""
    it = _two(tenant).dispatch("first")
    clear(it, "first")
    with tenant_scope(tenant.id):
        assert not Workload.objects.exists()


@pytest.mark.parametrize(
    "guard", ["ti.epoch = me.epoch AND", "AND ti.state = 'restarting'"], ids=["epoch", "state"]
)
def test_what_was_changed_meanwhile_is_not_released(tenant: Tenant, superuser: Any, guard: str) -> None:
    it = _two(tenant)
    work = it.start("first")["first"]
    clear(it, "first")
    it.walk.say(work, "failed")
    asked = {"runs": [it.run.id]}
    change = "epoch = epoch + 1" if "epoch" in guard else "state = 'success'"
    assert _raced(it, superuser, change, "release_restarting", (), **asked) == []
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(task_id="first").update(state="restarting")
    assert _raced(it, superuser, change, "release_restarting", (guard,), **asked), "that is what held it"


def test_a_run_is_marked_once(tenant: Tenant) -> None:
    """A second mark would free a place of its DAG that is free already."""
    it = _two(tenant)
    asked = {"runs": [it.run.id], "state": "failed", "now": utc_now()}
    assert len(it.execute("mark_runs", **asked)) == 1
    assert it.dag_row().active_runs == 0
    assert it.execute("mark_runs", **asked) == []
    assert it.without("mark_runs", "AND r.state <> %(state)s::text", **asked), "that is what held it"


def test_a_clear_takes_its_run_before_its_instance(tenant: Tenant, superuser: Any) -> None:
    it = _two(tenant)
    _clears_while_the_run_is_held(it, superuser, patience="5s")


def test_without_the_run_first_it_holds_what_others_want(
    tenant: Tenant, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: who holds the run and wants the instance waits for the clear, which waits for the run."""
    it = _two(tenant)
    held = [clearing.HeldRun(it.run.id, "scene", "running", False)]
    monkeypatch.setattr(clear_module.clearing, "hold_runs", lambda **_: held)
    with pytest.raises(LockNotAvailable):
        _clears_while_the_run_is_held(it, superuser, patience="300ms")


def _clears_while_the_run_is_held(it: Scene, superuser: Any, *, patience: str) -> None:
    row = it.row("first")
    with _joined() as started:
        with another_session(superuser) as other:
            lock_rows(other, "dag_run", it.run.id)
            beside = Other(lambda: clear(it, "first"))
            started.append(beside)
            beside.wait_until_blocked(superuser)
            other.execute("SELECT set_config('lock_timeout', %s, true)", [patience])
            lock_rows(other, "task_instance", row.id)
    assert beside.error is None, beside.error


@contextmanager
def _joined() -> Iterator[list[Other]]:
    started: list[Other] = []
    try:
        yield started
    finally:
        for one in started:
            one.join()


def test_two_clears_of_the_same_tasks_do_not_block_each_other(tenant: Tenant, superuser: Any) -> None:
    """In whatever order they name them: the second waits for the first, then finds nothing of it left."""
    it = _two(tenant)
    it.end("first", "success")
    with tenant_scope(tenant.id):
        clearing.exclude_rounds()
        beside = Other(lambda: clear(it, "last", "first"))
        beside.wait_until_blocked(superuser)
        clear_module.clear_chosen(
            ids=[it.row("first").id, it.row("last").id], runs=[it.run.id], by="somebody", now=utc_now()
        )
    beside.join()
    assert beside.error is None, beside.error
    assert it.run_row().clear_number == 2
