"""The database stops for longer than an agent waits for an answer: what it asked for is done, and done once."""

from __future__ import annotations

import time

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

LONGER_THAN_AN_AGENT_WAITS = 9.0
FILES = {
    "dags/starts.py": """
        import time
        from airflow.sdk import DAG, Variable
        from airflow.providers.standard.operators.empty import EmptyOperator
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

        class WhenTold(TriggerDagRunOperator):
            def execute(self, context):
                print("begins", flush=True)
                while not Variable.get("go", default=None):
                    time.sleep(0.2)
                super().execute(context)

        with DAG("child", schedule=None):
            EmptyOperator(task_id="t")
        with DAG("starts", schedule=None):
            WhenTold(task_id="t", trigger_dag_id="child")
    """
}


def test_a_run_is_started_once_though_the_answer_came_too_late(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy(FILES, "child", "starts")
    run = tenant.trigger("starts")
    tenant.until_logged("begins", run, "t")
    with stack.database() as cursor:
        cursor.execute("LOCK TABLE dag_run IN SHARE MODE")
        tenant.call("POST", "/variables", {"key": "go", "value": "now"})
        time.sleep(LONGER_THAN_AN_AGENT_WAITS)
    assert tenant.until_over(run) == ["success"], tenant.log(run, "t")
    assert tenant.rows("SELECT count(*) FROM dag_run WHERE dag_id = 'child'") == [(1,)]
    (instance,) = tenant.instances(run)
    assert instance["duration"] > LONGER_THAN_AN_AGENT_WAITS, "it did wait"
