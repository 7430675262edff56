"""The loop serves every tenant, whatever happens to one of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError

from controlplane.executors.local import LocalExecutor
from controlplane.scheduler import loop as loop_module
from controlplane.scheduler.loop import SchedulerLoop
from controlplane.scheduler.work import work_for
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _triggered(tenant: Tenant) -> tuple[Walk, Any]:
    parsed_dag(tenant, specs.chain("chain", 1))
    walk = walk_for(tenant, name=tenant.slug)
    return walk, walk.trigger("chain")


def _loop() -> SchedulerLoop:
    return SchedulerLoop(executor=LocalExecutor(), handlers={})


def _trouble(monkeypatch: pytest.MonkeyPatch, tenant: Tenant, *errors: Exception) -> None:
    """The first rounds of this tenant fail with these."""
    left = list(errors)

    def work(*, tenant_id: Any, **rest: Any) -> Any:
        if tenant_id == tenant.id and left:
            raise left.pop(0)
        return work_for(tenant_id=tenant_id, **rest)

    monkeypatch.setattr(loop_module, "work_for", work)


class Deadlocked(Exception):
    pgcode = "40P01"


def _deadlock() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = Deadlocked()
    return error


def test_a_look_finds_every_tenant_with_due_work(tenant: Tenant, other_tenant: Tenant) -> None:
    both = [_triggered(tenant), _triggered(other_tenant)]
    _loop().run_once(set())
    assert [walk.states(run) for walk, run in both] == [{"task_0": "queued"}] * 2


def test_one_tenants_trouble_is_not_anothers(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    (walk, run), (other, theirs) = _triggered(tenant), _triggered(other_tenant)
    _trouble(monkeypatch, tenant, ValueError("a spec that nobody can read"))
    loop = _loop()
    loop.run_once(set())
    assert other.states(theirs) == {"task_0": "queued"}
    assert walk.states(run) == {"task_0": None}, "its work is still there"
    monkeypatch.setattr(loop, "_resting", {})
    loop.run_once(set())
    assert walk.states(run) == {"task_0": "queued"}


def test_a_deadlock_is_tried_again_at_once(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    walk, run = _triggered(tenant)
    _trouble(monkeypatch, tenant, _deadlock(), _deadlock())
    loop = _loop()
    assert (loop.run_once(set()), loop.run_once(set())) == (0.0, 0.0)
    loop.run_once(set())
    assert walk.states(run) == {"task_0": "queued"}


def test_a_lost_database_is_told_to_the_service(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: only what can be made again is."""
    _triggered(tenant)
    _trouble(monkeypatch, tenant, OperationalError("server closed the connection unexpectedly"))
    with pytest.raises(OperationalError):
        _loop().run_once(set())
