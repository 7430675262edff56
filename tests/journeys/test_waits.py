"""Each way to wait on a whole stack, and what the portal says of it: real tasks of a real Airflow, public doors only."""

from __future__ import annotations

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/waits_for.py": """
        from datetime import timedelta

        import pendulum
        from airflow.providers.standard.operators.hitl import HITLOperator
        from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
        from airflow.sdk import DAG, task
        from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy


        class Patient(RetryPolicy):
            def evaluate(self, exception, try_number, max_tries, context=None):
                if "hopeless" in str(exception):
                    return RetryDecision.fail(reason="nobody can mend this")
                return RetryDecision.retry(delay=timedelta(hours=2), reason=f"the service says {exception}")


        with DAG("waits_for", schedule=None):

            @task(retries=3, retry_delay=timedelta(0), retry_policy=Patient())
            def busy():
                raise RuntimeError("too busy")

            @task(retries=3, retry_delay=timedelta(0), retry_policy=Patient())
            def gives_up():
                raise RuntimeError("hopeless")

            @task.sensor(mode="reschedule", poke_interval=7200, timeout=86400)
            def looks_again():
                return False

            deferred = DateTimeSensorAsync(task_id="deferred", target_time=pendulum.datetime(2999, 1, 1))
            HITLOperator(task_id="asks", subject="Shall we?", options=["yes"])

            @task
            def below():
                pass

            deferred >> below()
            busy(), gives_up(), looks_again()

        with DAG("one_at_a_time", schedule=None, max_active_runs=1, is_paused_upon_creation=False):
            DateTimeSensorAsync(task_id="long", target_time=pendulum.datetime(2999, 1, 1))
    """,
}


@pytest.fixture(scope="module")
def parked(_shared_stack: Stack) -> tuple[StackTenant, Run]:
    tenant = _shared_stack.sign_up()
    tenant.deploy(FILES, "waits_for", "one_at_a_time")
    run = tenant.trigger("waits_for")
    for task_id, state in (("busy", "up_for_retry"), ("gives_up", "failed"), ("looks_again", "up_for_reschedule"),
                           ("deferred", "deferred"), ("asks", "awaiting_input")):  # fmt: skip
        tenant.until_state(run, task_id, state)
    return tenant, run


def waits(tenant: StackTenant, run: Run, task_id: str) -> list[tuple[str, str]]:
    row = next(each for each in tenant.instances(run) if each["task_id"] == task_id)
    path = f"/api/portal/v1/tenants/{tenant.slug}/task-instances/{row['id']}/waits"
    return [(wait["name"], wait["reason"]) for wait in tenant.login.portal.call("GET", path)["waits"]]


@pytest.mark.parametrize(
    ("task_id", "name", "said"),
    [
        ("busy", "Not In Retry Period", "retry_policy: the service says too busy."),
        ("looks_again", "Ready To Reschedule", "The sensor looks again at 20"),
        ("deferred", "Deferred", "It is deferred until 2999-01-01T00:00:00+00:00."),
        ("asks", "Human Input", "It waits for an answer of a person to 'Shall we?'"),
        ("below", "Trigger Rule", "Task's trigger rule 'all_success' waits: 0 of 1 upstream tasks are done"),
    ],
)
def test_each_way_to_wait_has_its_answer(
    parked: tuple[StackTenant, Run], task_id: str, name: str, said: str
) -> None:
    [(found, reason)] = waits(*parked, task_id)
    assert found == name
    assert said in reason


def test_what_a_retry_policy_decides_stands_in_the_log(parked: tuple[StackTenant, Run]) -> None:
    tenant, run = parked
    for task_id, action, reason in (("busy", "retry", "the service says too busy"),
                                    ("gives_up", "fail", "nobody can mend this")):  # fmt: skip
        log = tenant.until_logged("Retry policy decision", run, task_id)
        [line] = [line for line in log.splitlines() if line.startswith("Retry policy decision")]
        assert f'"action": "{action}"' in line
        assert f'"reason": "{reason}"' in line
    tries = {row["task_id"]: row["try_number"] for row in tenant.instances(run)}
    assert (tries["busy"], tries["gives_up"]) == (1, 1), "three retries were left"
    assert waits(tenant, run, "gives_up") == []


def test_a_run_past_the_limit_and_one_of_a_paused_dag_say_so(parked: tuple[StackTenant, Run]) -> None:
    tenant, _ = parked
    first = tenant.trigger("one_at_a_time")
    tenant.until_state(first, "long", "deferred")
    second = tenant.trigger("one_at_a_time")
    begin = "The DAG run is queued and has not begun"
    full = f"{begin}: 1 runs of the DAG are running; max_active_runs is 1"
    assert waits(tenant, second, "long") == [("Dagrun Running", full)]
    tenant.call("PATCH", "/dags/one_at_a_time", {"is_paused": True})
    paused = ("Dag Not Paused", "Task's DAG 'one_at_a_time' is paused.")
    assert waits(tenant, second, "long") == [paused, ("Dagrun Running", begin)]
