"""What can never run is told, not queued for ever; and it goes as soon as it can."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.agent.work import register
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.agent import Agent
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.transitions import add_items
from taskwire.agent import Register
from taskwire.version import WIRE_VERSION
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db

NO_AGENT = "queue_unserved: no agent takes work from queue 'gpu'; start one that does, or give the task another queue"


def gpu_agent(name: str) -> None:
    register(
        Register(
            name=name, wire_version=WIRE_VERSION, slots=1, hostname="h", pid=1, queues=["gpu", "default"]
        )
    )


def test_a_queue_that_nobody_serves_holds_its_tasks_until_an_agent_does(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("bad", [specs.task("one", queue="gpu"), specs.task("two")]))
    walk = walk_for(tenant)
    run = walk.trigger("bad")
    walk.schedule()
    assert walk.states(run) == {"one": "scheduled", "two": "queued"}
    assert walk.instance(run, "one").held_reason == NO_AGENT
    with tenant_scope(tenant.id):
        assert WorkItem.objects.get(kind="queue").due_at > utc_now()
    walk.schedule()
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="queue").count() == 1
    gpu_agent("gpu-agent")
    walk.schedule()
    row = walk.instance(run, "one")
    assert (row.state, row.held_reason) == ("queued", None)
    with tenant_scope(tenant.id):
        assert not WorkItem.objects.filter(kind="queue").exists()


def test_an_agent_that_was_silent_for_long_serves_nothing(tenant: Tenant) -> None:
    gpu_agent("gpu-agent")
    parsed_dag(tenant, specs.dag("bad", [specs.task("one", queue="gpu")]))
    walk = walk_for(tenant)
    for silent, state in ((30, "queued"), (90, "scheduled")):
        _be_silent("gpu-agent", silent)
        run = walk.trigger("bad", run_id=f"silent-{silent}")
        walk.schedule()
        assert walk.states(run) == {"one": state}


def _be_silent(name: str, seconds: int) -> None:
    row = Agent.objects.using("scheduler").get(name=name)
    Agent.objects.using("scheduler").filter(id=row.id).update(
        lease_until=utc_now() - timedelta(seconds=seconds)
    )


def test_many_tasks_of_an_unserved_queue_are_in_nobodys_way(tenant: Tenant) -> None:
    stuck = [specs.task(f"stuck_{n:03}", queue="gpu", priority_weight=9) for n in range(150)]
    parsed_dag(tenant, specs.dag("bad", [*stuck, specs.task("free")], max_active_tasks=200))
    walk = walk_for(tenant)
    run = walk.trigger("bad")
    walk.schedule()
    states = walk.states(run)
    assert states.pop("free") == "queued"
    assert set(states.values()) == {"scheduled"}


def test_an_unknown_pool_holds_its_tasks_until_it_is_made(tenant: Tenant) -> None:
    parsed_dag(
        tenant, specs.dag("bad", [specs.task("one", pool="nowhere"), specs.task("two", pool_slots=1000)])
    )
    walk = walk_for(tenant)
    run = walk.trigger("bad")
    walk.schedule()
    assert walk.states(run) == {"one": "scheduled", "two": "scheduled"}
    assert walk.instance(run, "one").held_reason == (
        "pool_unknown: pool 'nowhere' does not exist; create it or give the task another pool"
    )
    assert walk.instance(run, "two").held_reason == (
        "pool_too_small: pool 'default_pool' has 128 slots in all; this task needs 1000 and waits until the pool grows"
    )
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="nowhere", slots=1)
        add_items(items=[("admit", None, utc_now())])
    walk.schedule()
    assert walk.states(run) == {"one": "queued", "two": "scheduled"}
    invariants.check(tenant)


def test_a_task_that_its_dag_version_does_not_have_says_so(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("bad", [specs.task("one")]))
    walk = walk_for(tenant)
    run = walk.trigger("bad", run_id="broken")
    with tenant_scope(tenant.id):
        version = DagVersion.objects.get(dag_id="bad")
        Pool.objects.update(slots=0)
    walk.schedule()
    with tenant_scope(tenant.id):
        DagTask.objects.filter(dag_version=version).delete()
        Pool.objects.update(slots=5)
        add_items(items=[("admit", None, utc_now())])
    walk.schedule()
    row = walk.instance(run, "one")
    assert row.state == "scheduled"
    assert str(row.held_reason).startswith("task_unknown: the DAG version of this run has no task 'one'")


@pytest.mark.parametrize(
    ("state", "include_deferred", "free"),
    [
        ("deferred", False, True),
        ("deferred", True, False),
        ("awaiting_input", False, True),
        ("awaiting_input", True, True),
    ],
)
def test_parked_tasks_hold_a_pool_only_where_airflow_says_so(
    tenant: Tenant, state: str, include_deferred: bool, free: bool
) -> None:
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="small", slots=1, include_deferred=include_deferred)
    first = specs.task("first", pool="small", priority_weight=2)
    parsed_dag(tenant, specs.dag("parking", [first, specs.task("next", pool="small")], max_active_tasks=1))
    walk = walk_for(tenant)
    run = walk.trigger("parking")
    walk.schedule()
    _park(tenant, walk.instance(run, "first").id, state)
    walk.schedule()
    assert walk.states(run) == {"first": state, "next": "queued" if free else "scheduled"}


@pytest.mark.parametrize("state", ["deferred", "awaiting_input"])
@pytest.mark.parametrize("limit", ["max_active_tis_per_dag", "max_active_tis_per_dagrun"])
def test_parked_tasks_count_for_the_limits_of_their_task(tenant: Tenant, state: str, limit: str) -> None:
    task = specs.task("each", is_mapped=True, expand={"kind": "literal", "length": 2}, **{limit: 1})
    parsed_dag(tenant, specs.dag("parking", [task]))
    walk = walk_for(tenant)
    run = walk.trigger("parking")
    walk.schedule()
    _park(tenant, walk.instance(run, "each", 0).id, state)
    walk.schedule()
    assert walk.states(run) == {"each[0]": state, "each[1]": "scheduled"}


def _park(tenant: Tenant, task_instance: object, state: str) -> None:
    """As a task that deferred or asks somebody: its attempt is over, it is not."""
    with tenant_scope(tenant.id):
        Workload.objects.filter(ref=task_instance).delete()
        TaskInstance.objects.filter(id=task_instance).update(state=state, held_reason=f"{state}: it waits")
        add_items(items=[("admit", None, utc_now())])


def test_a_stranger_hears_of_no_agents_work(tenant: Tenant, other_tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("bad", [specs.task("one", queue="gpu")]))
    walk = walk_for(tenant)
    walk.trigger("bad")
    walk.schedule()
    with tenant_scope(other_tenant.id):
        assert execute("ledger/sql/count_active.sql") == []
        assert not WorkItem.objects.filter(kind="queue").exists()
