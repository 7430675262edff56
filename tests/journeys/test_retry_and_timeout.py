"""However a task ends, the ledger and its log say what happened."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/ends.py": """
        import os
        import signal
        import time
        from datetime import timedelta

        from airflow.sdk import dag, task


        @dag(schedule=None)
        def ends():
            @task(execution_timeout=timedelta(seconds=1))
            def overruns():
                time.sleep(60)

            @task
            def kills_itself():
                print("soon gone")
                os.kill(os.getpid(), signal.SIGKILL)

            @task
            def leaves_at_once():
                os._exit(7)

            @task
            def leaves_as_if_well():
                os._exit(0)

            @task
            def eats_memory():
                hoard = []
                while True:
                    hoard.append(bytearray(16 * 1024 * 1024))

            @task(retries=2, retry_delay=timedelta(0))
            def stumbles_twice(ti=None):
                if ti.try_number < 3:
                    raise RuntimeError(f"stumbled at try {ti.try_number}")
                return ti.try_number

            @task(retries=1, retry_delay=timedelta(0))
            def never_well():
                raise RuntimeError("never")

            overruns(), kills_itself(), leaves_at_once(), leaves_as_if_well(), eats_memory()
            stumbles_twice(), never_well()


        ends()
    """,
}


@pytest.fixture(scope="module")
def ended(_shared_stack: Stack) -> tuple[StackTenant, Run]:
    tenant = _shared_stack.sign_up()
    tenant.deploy(FILES, "ends")
    run = tenant.trigger("ends")
    assert tenant.until_over(run) == ["failed"]
    return tenant, run


@pytest.mark.parametrize(
    ("task_id", "reason", "said"),
    [
        ("overruns", None, "AirflowTaskTimeout"),
        ("kills_itself", "signal", "Task killed by SIGKILL"),
        ("leaves_at_once", "exit", "exit code 7"),
        ("eats_memory", "memory", "Task exceeded memory limit"),
        ("never_well", None, "RuntimeError"),
    ],
)
def test_a_failure_says_what_it_was(
    ended: tuple[StackTenant, Run], task_id: str, reason: str | None, said: str
) -> None:
    tenant, run = ended
    ((state, tries, died),) = tenant.rows(
        "SELECT state, try_number, died FROM task_instance WHERE task_id = %(task)s", task=task_id
    )
    assert state == "failed"
    assert (died or {}).get("reason") == reason
    tenant.until_logged(said, run, task_id, try_number=tries)


def test_a_task_that_leaves_with_zero_is_a_success(ended: tuple[StackTenant, Run]) -> None:
    """As in Airflow: the exit status is what its supervisor believes."""
    tenant, run = ended
    assert tenant.states(run)["leaves_as_if_well"] == "success"


def test_retries_are_tries_of_their_own(ended: tuple[StackTenant, Run]) -> None:
    tenant, run = ended
    assert tenant.states(run)["stumbles_twice"] == "success"
    assert tenant.xcom(run, "stumbles_twice") == 3
    for number in (1, 2):
        tenant.until_logged(f"stumbled at try {number}", run, "stumbles_twice", try_number=number)
    rows = tenant.rows(
        """SELECT ti.task_id, t.try_number, t.state FROM task_try t JOIN task_instance ti ON ti.id = t.task_instance_id
           ORDER BY 1, 2"""
    )
    assert [row[:2] for row in rows] == [("never_well", 1), ("stumbles_twice", 1), ("stumbles_twice", 2)]
    assert "success" not in {row[2] for row in rows}
