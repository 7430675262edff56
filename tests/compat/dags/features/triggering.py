"""TriggerDagRun and ExternalTaskSensor: conf, waiting, failure of the other DAG"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
from airflow.sdk import DAG, task

with DAG("feature_triggered", schedule=None):

    @task
    def told(dag_run=None):
        if dag_run.conf.get("fails"):
            raise ValueError("as asked")
        return dag_run.conf

    told()

with DAG("feature_triggers", schedule=None):
    TriggerDagRunOperator(
        task_id="waits",
        trigger_dag_id="feature_triggered",
        trigger_run_id="waits__{{ run_id }}",
        conf={"said": "{{ ds }}"},
        wait_for_completion=True,
        poke_interval=1,
    )
    TriggerDagRunOperator(
        task_id="waits_in_vain",
        trigger_dag_id="feature_triggered",
        trigger_run_id="fails__{{ run_id }}",
        conf={"fails": True},
        wait_for_completion=True,
        poke_interval=1,
    )
    TriggerDagRunOperator(task_id="nobody", trigger_dag_id="no_such_dag")

with DAG("feature_external", schedule=None):
    first = EmptyOperator(task_id="first")
    first >> ExternalTaskSensor(
        task_id="sees",
        external_dag_id="feature_external",
        external_task_id="first",
        poke_interval=1,
        timeout=60,
    )
    ExternalTaskSensor(
        task_id="absent",
        external_dag_id="no_such_dag",
        check_existence=True,
        poke_interval=1,
        timeout=5,
    )
