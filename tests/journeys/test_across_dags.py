"""DAGs that start and wait for each other: TriggerDagRunOperator and ExternalTaskSensor on a whole stack."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

HEAD = """
from datetime import timedelta
from airflow.sdk import DAG, TaskGroup, get_current_context, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
"""
STARTS = (
    HEAD
    + """
with DAG("child", schedule=None):
    @task
    def told():
        return get_current_context()["dag_run"].conf
    @task
    def maybe():
        if get_current_context()["dag_run"].conf.get("fails"):
            raise ValueError("as it was told")
    told() >> maybe()

def starting(name, **fields):
    with DAG(name, schedule=None):
        TriggerDagRunOperator(task_id="t", trigger_dag_id="child", poke_interval=1, **fields)

starting("waits", conf={"from": "{{ dag.dag_id }}"}, wait_for_completion=True)
starting("defers", conf={"a": 2}, wait_for_completion=True, deferrable=True)
starting("waits_for_a_failure", conf={"fails": True}, wait_for_completion=True)
starting("goes_on", conf={"fails": True})
starting("takes_one_name", trigger_run_id="fixed")
starting("begins_it_anew", trigger_run_id="again", reset_dag_run=True, wait_for_completion=True)
starting("skips_what_is_there", trigger_run_id="fixed", skip_when_already_exists=True)
with DAG("starts_nobody", schedule=None):
    TriggerDagRunOperator(task_id="t", trigger_dag_id="nobody", retries=0)
"""
)
WAITS = (
    HEAD
    + """
with DAG("upstream", schedule=None) as upstream:
    @task
    def maybe():
        if get_current_context()["dag_run"].conf.get("fails"):
            raise ValueError("as it was told")
    with TaskGroup("group"):
        EmptyOperator(task_id="one") >> EmptyOperator(task_id="two")
    maybe()

def waiting(name, **fields):
    with DAG(name, schedule=None):
        ExternalTaskSensor(task_id="s", external_dag_id="upstream", poke_interval=1, timeout=60, **fields)

waiting("for_the_dag")
waiting("for_a_task", external_task_id="maybe", mode="reschedule")
waiting("for_a_group", external_task_group_id="group", failed_states=["failed"])
waiting("deferred", external_task_id="maybe", deferrable=True, failed_states=["failed"])
waiting("group_deferred", external_task_group_id="group", deferrable=True)
waiting("group_by_turns", external_task_group_id="group", mode="reschedule")
waiting("fails_with_it", external_task_id="maybe", failed_states=["failed"])
waiting("skips_with_it", external_task_id="maybe", skipped_states=["failed"])
waiting("an_hour_before", external_task_id="maybe", execution_delta=timedelta(hours=1))
with DAG("for_nobody", schedule=None):
    ExternalTaskSensor(task_id="s", external_dag_id="nobody", poke_interval=1, timeout=3, retries=0)
with DAG("for_theirs", schedule=None):
    ExternalTaskSensor(task_id="s", external_dag_id="theirs", poke_interval=1, timeout=4, soft_fail=True)
"""
)
THEIRS = HEAD + "\nwith DAG('theirs', schedule=None):\n    EmptyOperator(task_id='t')\n"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run_at(tenant: StackTenant, dag_id: str, moment: datetime, **conf: Any) -> Run:
    body = {"logical_date": moment.isoformat(), "conf": conf}
    return Run(dag_id, tenant.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])


def runs_of(tenant: StackTenant, dag_id: str) -> list[dict[str, Any]]:
    return list(tenant.call("GET", f"/dags/{dag_id}/dagRuns?limit=100")["dag_runs"])


def test_tasks_start_runs_and_wait_for_them(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/starts.py": STARTS}, "child", "waits", "starts_nobody")
    names = ["waits", "defers", "waits_for_a_failure", "goes_on", "takes_one_name", "starts_nobody"]
    runs = {name: tenant.trigger(name) for name in names}
    ended = dict(zip(names, tenant.until_over(*runs.values(), seconds=150), strict=True))
    assert ended == {
        "waits": "success",
        "defers": "success",
        "waits_for_a_failure": "failed",
        "goes_on": "success",
        "takes_one_name": "success",
        "starts_nobody": "failed",
    }
    made = {row["dag_run_id"]: row for row in runs_of(tenant, "child")}
    assert {row["run_type"] for row in made.values()} == {"operator_triggered"}
    assert {"from": "waits"} in [row["conf"] for row in made.values()]
    assert tenant.xcom(Run("child", "fixed"), "told") == {}
    tenant.until_logged("nobody", runs["starts_nobody"], "t")


def test_a_name_that_is_taken_fails_skips_or_begins_anew(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/starts.py": STARTS}, "child", "begins_it_anew", "skips_what_is_there")
    (first,) = tenant.until_over(tenant.trigger("takes_one_name"))
    (second,) = tenant.until_over(tenant.trigger("takes_one_name"))
    assert (first, second) == ("success", "failed")
    skipping = tenant.trigger("skips_what_is_there")
    tenant.until_over(skipping)
    assert tenant.states(skipping) == {"t": "skipped"}
    for _ in range(2):
        assert tenant.until_over(tenant.trigger("begins_it_anew")) == ["success"]
    rows = tenant.rows("SELECT clear_number, state FROM dag_run WHERE dag_id = 'child' AND run_id = 'again'")
    assert rows == [(1, "success")]


def test_sensors_wait_for_a_dag_a_task_a_group(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/waits.py": WAITS}, "upstream", "for_the_dag", "an_hour_before", "for_nobody")
    names = ["for_the_dag", "for_a_task", "for_a_group", "deferred", "group_deferred", "group_by_turns"]
    waiting = [run_at(tenant, name, NOON) for name in names]
    later = run_at(tenant, "an_hour_before", NOON.replace(hour=13))
    nobody = run_at(tenant, "for_nobody", NOON)
    tenant.until_state(waiting[1], "s", "up_for_reschedule")
    tenant.until_state(waiting[3], "s", "deferred")
    tenant.until_state(waiting[4], "s", "deferred")
    tenant.until_state(waiting[5], "s", "up_for_reschedule")
    assert tenant.until_over(nobody) == ["failed"]
    assert {tenant.run(run)["state"] for run in waiting} == {"running"}
    assert tenant.until_over(run_at(tenant, "upstream", NOON)) == ["success"]
    assert tenant.until_over(*waiting, later, seconds=150) == ["success"] * 7


def test_sensors_fail_or_skip_with_what_they_wait_for(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/waits.py": WAITS}, "upstream", "fails_with_it", "skips_with_it", "deferred")
    assert tenant.until_over(run_at(tenant, "upstream", NOON, fails=True)) == ["failed"]
    runs = [run_at(tenant, name, NOON) for name in ("fails_with_it", "skips_with_it", "deferred")]
    tenant.until_over(*runs, seconds=150)
    assert [tenant.states(run)["s"] for run in runs] == ["failed", "skipped", "failed"]


def test_a_sensor_never_sees_another_tenants_dag(stack: Stack, tenant: StackTenant) -> None:
    """The other's run of the same name and date has ended: the sensor still times out."""
    other = stack.sign_up()
    other.deploy({"dags/theirs.py": THEIRS}, "theirs")
    assert other.until_over(run_at(other, "theirs", NOON)) == ["success"]
    tenant.deploy({"dags/waits.py": WAITS}, "for_theirs")
    run = run_at(tenant, "for_theirs", NOON)
    tenant.until_over(run)
    assert tenant.states(run) == {"s": "skipped"}
