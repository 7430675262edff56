"""Runs of the lively DAG that are in the middle of it, and what must be true when they are over."""

from __future__ import annotations

from tests.support.lively_dag import assert_ran_once
from tests.support.stack_invariants import assert_ledger_sound
from tests.support.stack_tenant import Run, StackTenant

RUNS = 3


def in_flight(tenant: StackTenant) -> list[Run]:
    """Runs of which something has succeeded and something is running at this moment."""
    runs = [tenant.trigger("lively") for _ in range(RUNS)]

    def busy() -> bool:
        (counts,) = tenant.rows(
            """SELECT count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'success')
               FROM task_instance WHERE run_id = ANY(%(runs)s)""",
            runs=[run.run_id for run in runs],
        )
        return bool(counts[0] >= 2 and counts[1] >= 2)

    tenant.stack.until(busy, "tasks to be running")
    return runs


def assert_all_well(tenant: StackTenant, runs: list[Run]) -> None:
    """Every run is a success, nothing twice, and the ledger is sound and at rest."""
    assert tenant.until_over(*runs) == ["success"] * len(runs)
    assert_ran_once(tenant, runs)
    assert_ledger_sound(tenant)
