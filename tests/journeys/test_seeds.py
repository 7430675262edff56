"""The seed documents' own DAG files, pushed as they stand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.airflow_runtime import REPOSITORY
from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

SEEDS = REPOSITORY / "tests/fixtures/seeds"
INDEX: dict[str, dict[str, Any]] = json.loads((SEEDS / "index.json").read_text())
BASE = {path: entry for path, entry in INDEX.items() if not entry["requirements"]}
"""Those that ask for no packages of their own."""
NO_AGENT = "fragment_queue"
"""Its task asks for a queue that no agent of this stack serves."""
RUNNABLE = sorted(
    {dag for entry in BASE.values() if entry["status"] == "runnable" for dag in entry["dags"]} - {NO_AGENT}
)


@pytest.fixture(scope="module")
def pushed(_shared_stack: Stack) -> tuple[StackTenant, list[str]]:
    tenant = _shared_stack.sign_up()
    for name, slots in (("database_access", 5), ("cpu_bound_pool", 2)):
        tenant.call("POST", "/pools", {"name": name, "slots": slots})
    files = {f"dags/{path}": (SEEDS / path).read_text() for path in INDEX}
    files["dags/dags/ingestion_config.json"] = (SEEDS / "dags/ingestion_config.json").read_text()
    done = tenant.push(files)
    assert done.status == 0, done.said
    tenant.until_listed(*(dag for entry in BASE.values() for dag in entry["dags"]))
    return tenant, done.remote


def test_what_needs_no_packages_is_listed(pushed: tuple[StackTenant, list[str]]) -> None:
    tenant, _ = pushed
    assert {dag for entry in BASE.values() for dag in entry["dags"]} <= set(tenant.dags())


def test_what_misses_a_package_says_which(pushed: tuple[StackTenant, list[str]]) -> None:
    tenant, said = pushed
    for error in tenant.import_errors():
        path = error["filename"].split("dags/", 1)[1]
        assert INDEX[path]["requirements"], f"{path} needs nothing: {error['stack_trace']}"
        assert "requirements.txt" in error["stack_trace"], error
        assert any(line.startswith(f"ERROR  dags/{path}:") for line in said), path
    assert len(tenant.import_errors()) >= 3


def test_old_spellings_are_told_to_the_pusher(pushed: tuple[StackTenant, list[str]]) -> None:
    _, said = pushed
    assert any(line.startswith("warn   dags/dags/process_sources.py:16:") for line in said), said


def test_what_is_runnable_runs(pushed: tuple[StackTenant, list[str]]) -> None:
    tenant, _ = pushed
    assert len(RUNNABLE) >= 6
    runs = [tenant.trigger(dag_id) for dag_id in RUNNABLE]
    states = dict(zip(RUNNABLE, tenant.until_over(*runs, seconds=120), strict=True))
    left = {run.dag_id: tenant.states(run) for run in runs if states[run.dag_id] != "success"}
    assert left == {}


def test_a_task_for_a_queue_that_nobody_serves_waits(pushed: tuple[StackTenant, list[str]]) -> None:
    tenant, _ = pushed
    run = tenant.trigger(NO_AGENT)
    waiting = tenant.until_state(run, "process_finance_data", "scheduled")
    assert waiting["queue"] == "finance_priority"
    task = f"/dags/{NO_AGENT}/dagRuns/{run.run_id}/taskInstances/process_finance_data"

    def reasons() -> list[str]:
        return [one["reason"] for one in tenant.call("GET", f"{task}/dependencies")["dependencies"]]

    [reason] = tenant.stack.until(reasons, "a reason why it waits")
    assert "finance_priority" in reason
