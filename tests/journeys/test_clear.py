"""Cleared and marked while they run, in a whole stack; and a task that clears another DAG's run."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/hands.py": """
        import time

        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
        from airflow.sdk import dag, task


        @dag(schedule=None)
        def long():
            @task
            def sleeps(ti=None):
                if ti.try_number == 1:
                    print("sleeping")
                    time.sleep(600)
                return ti.try_number

            @task
            def after(tries):
                return tries

            after(sleeps())


        @dag(schedule=None)
        def short():
            @task
            def counts(ti=None):
                return ti.try_number

            counts()


        @dag(schedule=None)
        def again():
            TriggerDagRunOperator(
                task_id="again", trigger_dag_id="short", trigger_run_id="the_one", reset_dag_run=True
            )


        long(), short(), again()
    """,
}


@pytest.fixture(scope="module")
def deployed(_shared_stack: Stack) -> StackTenant:
    tenant = _shared_stack.sign_up()
    tenant.deploy(FILES, "long", "short", "again")
    return tenant


def test_a_running_task_is_stopped_and_begins_anew(deployed: StackTenant) -> None:
    run = deployed.trigger("long")
    deployed.until_state(run, "sleeps", "running")
    deployed.until_logged("sleeping", run, "sleeps")
    body = {"dag_run_id": run.run_id, "task_ids": ["sleeps"], "only_failed": False, "dry_run": False}
    cleared = deployed.call("POST", "/dags/long/clearTaskInstances", body)
    assert [one["state"] for one in cleared["task_instances"]] == ["restarting"]
    assert deployed.until_over(run) == ["success"]
    assert deployed.xcom(run, "after") == 2
    deployed.until_logged("cleared by", run, "sleeps")


def test_a_running_task_is_marked(deployed: StackTenant) -> None:
    run = deployed.trigger("long")
    deployed.until_state(run, "sleeps", "running")
    path = f"/dags/long/dagRuns/{run.run_id}/taskInstances/sleeps"
    deployed.call("PATCH", path, {"new_state": "failed"})
    assert deployed.until_over(run) == ["failed"]
    assert deployed.states(run)["sleeps"] == "failed"


def test_a_task_clears_a_run(deployed: StackTenant) -> None:
    the_one = Run("short", "the_one")
    for tries in (1, 2):
        assert deployed.until_over(deployed.trigger("again")) == ["success"]
        assert deployed.until_over(the_one) == ["success"]
        assert deployed.xcom(the_one, "counts") == tries
    assert deployed.run(the_one)["run_type"] == "operator_triggered"
