"""What tests of changes by hand do to a scene: clear, mark, run on; and look that nothing is broken after each."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_try import TaskTry
from controlplane.runs import mark as marking
from controlplane.runs.choose import Scope, newest_spec
from controlplane.runs.clear import clear_scope
from tenants.scope import tenant_scope
from tests.support import invariants
from tests.support.scene import Scene


def clear(it: Scene, *tasks: Any, **more: Any) -> list[Any]:
    """Clear these tasks of the scene's run (all of them without names)."""
    states = more.pop("states", ())
    scope = Scope(dag_id=it.run.dag_id, run_id=it.run.run_id, tasks=list(tasks) or None, states=states)
    with tenant_scope(it.tenant.id):
        found = clear_scope(scope=scope, by="somebody", now=utc_now(), **more)
    invariants.check(it.tenant)
    return found


def mark(it: Scene, state: str, *tasks: Any, run: DagRun | None = None, **more: bool) -> list[UUID]:
    """Mark these tasks of the scene's run."""
    with tenant_scope(it.tenant.id):
        found = marking.mark_tasks(
            spec=newest_spec(it.run.dag_id),
            run=run or it.run,
            tasks=list(tasks),
            state=state,
            by="somebody",
            now=utc_now(),
            **more,
        )
    invariants.check(it.tenant)
    return found


def mark_run(it: Scene, state: str) -> None:
    """Say what state the scene's run has."""
    with tenant_scope(it.tenant.id):
        marking.mark_run(run=it.run_row(), state=state, by="somebody", now=utc_now())
    invariants.check(it.tenant, said={it.run.run_id})


def tries(it: Scene, task_id: str) -> list[tuple[int, str | None]]:
    """(try number, state) of the tries that are over."""
    row = it.row(task_id)
    with tenant_scope(it.tenant.id):
        found = TaskTry.objects.filter(task_instance_id=row.id).order_by("try_number", "epoch")
        return list(found.values_list("try_number", "state"))


def finish(it: Scene, *, said: Collection[str] = (), **outcomes: str) -> None:
    """Everything runs to its end; named tasks end so."""
    it.walk.run_all(lambda work: (outcomes.get(work.task.ti["task_id"], "success"), []))
    invariants.check(it.tenant, at_rest=True, said=said)
