"""Callbacks on a whole stack, however the task ended: each is called exactly once.

The journal is what the callbacks print: it stands in the logs, outside the ledger, which is compared with it.
"""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from typing import Any

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/called.py": """
        import os
        import signal
        import time
        from datetime import timedelta

        from airflow.sdk import DAG, DeadlineAlert, DeadlineReference, SyncCallback, Variable, task
        from airflow.sdk.exceptions import AirflowSkipException


        def say(kind):
            def callback(context):
                ti = context.get("ti")
                what = f"{ti.task_id} {ti.try_number}" if ti and not kind.startswith("dag") else "- 0"
                print("CALLED", kind, what, context.get("reason") or "-")

            return callback


        def ask(context):
            print("CALLED asked", context["ti"].task_id, 0, Variable.get("colour"))


        def late(context, word):
            print("CALLED deadline - 0", word)


        def hang(context):
            print("CALLED hang", context["ti"].task_id, context["ti"].try_number, "-")
            time.sleep(50)


        def missed(dag, task_list, blocking_task_list, slas, blocking_tis):
            print("CALLED sla", slas[0].task_id, "0 -")


        CALLS = {f"on_{kind}_callback": say(kind) for kind in ("execute", "success", "failure", "retry", "skipped")}
        SOON = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=-1), SyncCallback(late, {"word": "w"}))

        with DAG(
            "called",
            schedule=None,
            default_args={**CALLS, "retry_delay": timedelta(0)},
            on_success_callback=say("dag_success"),
            on_failure_callback=say("dag_failure"),
            sla_miss_callback=missed,
            deadline=[SOON],
        ):

            @task(sla=timedelta(seconds=-1))
            def works():
                pass

            @task
            def skips():
                raise AirflowSkipException("deliberate")

            @task(retries=1)
            def raises():
                raise ValueError("deliberate")

            @task(retries=1)
            def is_killed():
                os.kill(os.getpid(), signal.SIGKILL)

            @task(on_failure_callback=[say("failure"), ask])
            def leaves():
                os._exit(7)

            @task(execution_timeout=timedelta(seconds=1))
            def overruns():
                time.sleep(60)

            works(), skips(), raises(), is_killed(), leaves(), overruns()

        with DAG("greedy", schedule=None, default_args=CALLS):

            @task
            def eats_memory():
                hoard = []
                while True:
                    hoard.append(bytearray(16 * 1024 * 1024))

            eats_memory()

        with DAG("vanishing", schedule=None, default_args=CALLS, on_failure_callback=say("dag_failure")):

            @task
            def sleeps():
                print("asleep", flush=True)
                time.sleep(300)

            sleeps()

        with DAG("hanging", schedule=None):

            @task(on_failure_callback=hang)
            def dies():
                os.kill(os.getpid(), signal.SIGKILL)

            dies()
    """,
}


@pytest.fixture(scope="module")
def called(_shared_stack: Stack) -> StackTenant:
    tenant = _shared_stack.sign_up()
    tenant.call("POST", "/variables", {"key": "colour", "value": "green"})
    tenant.deploy(FILES, "called", "greedy", "vanishing", "hanging")
    return tenant


def owed(tenant: StackTenant, run: Run) -> Counter[tuple[str, str]]:
    """(kind, state) of the run's callbacks, as the ledger tells."""
    rows = tenant.rows("SELECT kind, state FROM callback WHERE run_id = %(run)s", run=run.run_id)
    return Counter((str(kind), str(state)) for kind, state in rows)


def journal(tenant: StackTenant, run: Run) -> Counter[str]:
    """What the author's code said in all logs of the run."""
    said: Counter[str] = Counter()
    folder = run.run_id.replace(":", "%3A").replace("+", "%2B")
    for file in (tenant.stack.data / "store" / "logs").glob(f"*/{run.dag_id}/{folder}/**/*.log"):
        said.update(re.findall(r"CALLED (\w+ \S+ \d+ \S+?)\"", file.read_text()))
    return said


def until_called(tenant: StackTenant, run: Run, expected: dict[str, int], seconds: float = 60.0) -> None:
    """Wait until nothing of the run's callbacks is left to do; then the journal is exactly this."""

    def rest() -> bool:
        return not any(state in ("pending", "running") for _, state in owed(tenant, run))

    tenant.stack.until(rest, "its callbacks to be over", seconds=seconds)
    tenant.stack.until(
        lambda: sum(journal(tenant, run).values()) >= sum(expected.values()),
        "the logs to be stored",
        seconds=15,
    )
    assert dict(journal(tenant, run)) == expected


def test_each_callback_of_a_run_is_called_once_however_its_tasks_ended(called: StackTenant) -> None:
    run = called.trigger("called")
    assert called.until_over(run) == ["failed"]
    execute = {
        f"execute {task} 1 -": 1 for task in ("works", "skips", "raises", "is_killed", "leaves", "overruns")
    }
    until_called(
        called,
        run,
        {
            **execute,
            "execute raises 2 -": 1,
            "execute is_killed 2 -": 1,
            "success works 1 -": 1,
            "skipped skips 1 -": 1,
            "retry raises 1 -": 1,
            "failure raises 2 -": 1,
            "retry is_killed 1 -": 1,
            "failure is_killed 2 -": 1,
            "failure leaves 1 -": 1,
            "asked leaves 0 green": 1,
            "failure overruns 1 -": 1,
            "dag_failure - 0 task_failure": 1,
            "deadline - 0 w": 1,
            "sla works 0 -": 1,
        },
    )
    assert owed(called, run) == {
        ("task_retry", "success"): 1,
        ("task_failure", "success"): 2,
        ("dag_failure", "success"): 1,
        ("deadline", "success"): 1,
        ("sla_miss", "success"): 1,
    }


@pytest.mark.heavy
def test_a_task_that_the_memory_limit_killed_has_its_callback(called: StackTenant) -> None:
    run = called.trigger("greedy")
    assert called.until_over(run) == ["failed"]
    until_called(called, run, {"execute eats_memory 1 -": 1, "failure eats_memory 1 -": 1})


def _killed_agent(stack: Stack) -> None:
    pid = stack.pid("agent")
    os.kill(pid, signal.SIGKILL)
    stack.until_restarted("agent", pid=pid)


def test_a_task_whose_agent_vanished_has_its_callback(stack: Stack, called: StackTenant) -> None:
    run = called.trigger("vanishing")
    called.until_state(run, "sleeps", "running")
    called.until_logged("asleep", run, "sleeps")
    _killed_agent(stack)
    assert called.until_over(run) == ["failed"]
    until_called(
        called,
        run,
        {"execute sleeps 1 -": 1, "failure sleeps 1 -": 1, "dag_failure - 0 task_failure": 1},
    )


@pytest.mark.heavy
def test_a_callback_whose_agent_vanished_in_the_middle_is_lost_and_not_called_again(
    stack: Stack, called: StackTenant
) -> None:
    run = called.trigger("hanging")
    assert called.until_over(run) == ["failed"]

    def begun() -> Any:
        return journal(called, run) and owed(called, run)[("task_failure", "running")]

    stack.until(begun, "the callback to hang", seconds=30)
    _killed_agent(stack)
    until_called(called, run, {"hang dies 1 -": 1})
    assert owed(called, run) == {("task_failure", "lost"): 1}
