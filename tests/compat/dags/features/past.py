"""A first run with depends_on_past and wait_for_downstream has nothing to wait for"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG(
    "feature_first_run", schedule=None, default_args={"depends_on_past": True, "wait_for_downstream": True}
):

    @task
    def one():
        return 1

    one() >> EmptyOperator(task_id="two")
