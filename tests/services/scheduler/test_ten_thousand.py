"""10,000 map indices through the whole control plane: expanded over an XCom, run, counted, and read one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from controlplane.ledger.models.pool import Pool
from taskwire.agent import Operation, Report
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = [pytest.mark.django_db, pytest.mark.heavy]

MANY = 10_000
SOURCE = {"kind": "xcom", "task_id": "source"}
FAILS, SKIPS = 17, 4711


def _mapped() -> dict[str, Any]:
    tasks = [
        specs.task("source", "each"),
        specs.task("each", "sum", is_mapped=True, expand=SOURCE),
        specs.task("sum", trigger_rule="all_done"),
    ]
    return specs.dag("many", tasks, max_active_tasks=2 * MANY)


def _grouped() -> dict[str, Any]:
    inside = {"group_id": "g", "mapped_group_ids": ["g"]}
    tasks = [
        specs.task("source", "each", "after"),
        specs.task("each", "after", **inside),
        specs.task("after", "sum", **inside),
        specs.task("sum", trigger_rule="all_done"),
    ]
    groups = [{"group_id": "g", "is_mapped": True, "expand": SOURCE}]
    return specs.dag("many", tasks, groups=groups, max_active_tasks=2 * MANY)


@pytest.fixture
def wide(tenant: Tenant) -> Tenant:
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=3 * MANY)
        Pool.objects.update(slots=3 * MANY)
    return tenant


def _say(walk: Walk, works: list[Workload]) -> None:
    """One batch of reports: all succeed, but for one failure and one skip of `each`."""
    reports = []
    for work in works:
        assert work.task is not None
        named = work.task.ti["task_id"], work.task.ti["map_index"]
        state = {("each", FAILS): "failed", ("each", SKIPS): "skipped"}.get(named, "success")
        length = MANY if named[0] == "source" else None
        value = {"key": "return_value", "value": [0] if length else 1, "mapped_length": length}
        operations = [Operation(kind="xcom_set", body=value), Operation(kind="state", body={"state": state})]
        reports.append(Report(id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=operations))
    assert {verdict.verdict for verdict in walk.report(*reports)} == {"accepted"}


@pytest.mark.parametrize(
    ("spec", "below"), [(_mapped(), {}), (_grouped(), {"after": 1})], ids=["task", "group"]
)
def test_ten_thousand_indices_come_through(wide: Tenant, spec: dict[str, Any], below: dict[str, int]) -> None:
    parsed_dag(wide, spec)
    walk = walk_for(wide)
    run = walk.trigger("many")
    walk.schedule()
    while works := walk.claim(batch=500):
        _say(walk, works)
        walk.schedule()
    states = Counter((name.partition("[")[0], state) for name, state in walk.states(run).items())
    wanted = {("source", "success"): 1, ("sum", "success"): 1}
    wanted |= {("each", "success"): MANY - 2, ("each", "failed"): 1, ("each", "skipped"): 1}
    for name in below:
        wanted |= {(name, "success"): MANY - 2, (name, "upstream_failed"): 1, (name, "skipped"): 1}
    assert states == wanted
    assert walk.run_state(run) == "success", "its only leaf ran after all were done"
    invariants.check(wide, at_rest=True)
