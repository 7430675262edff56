"""hold_rest.sql: what was passed over unseen hears why, once, and only in its own tenant."""

from __future__ import annotations

import pytest

from controlplane.ledger import transitions
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db


def test_the_unseen_hear_of_their_run_and_what_was_told_stays(tenant: Tenant, other_tenant: Tenant) -> None:
    walks = {}
    for owner, name in ((tenant, "one"), (other_tenant, "two")):
        parsed_dag(owner, specs.dag("wide", [specs.task(f"t{n}") for n in range(3)], max_active_tasks=1))
        walks[name] = walk_for(owner, name=name)
    runs = {name: walk.trigger("wide") for name, walk in walks.items()}
    for walk in walks.values():
        walk.schedule()
    mine, walk = runs["one"], walks["one"]
    held = [task for task, state in walk.states(mine).items() if state == "scheduled"]
    assert len(held) == 2
    told = {task: walk.instance(mine, task).held_reason for task in held}
    assert all(reason and reason.startswith("run_full") for reason in told.values())
    with tenant_scope(tenant.id, using="scheduler"):
        transitions.hold_rest(reasons=[(None, None, "another reason")], using="scheduler")
    assert {task: walk.instance(mine, task).held_reason for task in held} == told
    with tenant_scope(other_tenant.id, using="scheduler"):
        transitions.hold_rest(reasons=[(None, mine.id, "a stranger's")], using="scheduler")
    assert {task: walk.instance(mine, task).held_reason for task in held} == told


def test_a_queue_longer_than_one_look_is_told_to_its_end(tenant: Tenant) -> None:
    tasks = [specs.task(f"t{n:03}") for n in range(200)]
    parsed_dag(tenant, specs.dag("long", tasks, max_active_tasks=2))
    walk = walk_for(tenant)
    run = walk.trigger("long")
    walk.schedule()
    assert list(walk.states(run).values()).count("queued") == 2
    with tenant_scope(tenant.id):
        waiting = TaskInstance.objects.filter(dag_run_id=run.id, state="scheduled")
        assert waiting.count() == 198
        assert not waiting.filter(held_reason__isnull=True).exists()
