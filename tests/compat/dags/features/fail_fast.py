"""fail_fast: one failure ends the run"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

with DAG("feature_fail_fast", schedule=None, fail_fast=True):

    @task
    def fails():
        raise ValueError("as asked")

    @task
    def first():
        return 1

    first() >> fails() >> EmptyOperator(task_id="never")
