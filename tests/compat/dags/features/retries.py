"""Retries: delays, failures that are not retried, a policy of the author's own"""

from datetime import timedelta

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

with DAG("feature_retries", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(0)}):

    @task
    def heals(ti=None):
        if ti.try_number < 3:
            raise ValueError(f"try {ti.try_number}")
        return ti.try_number

    @task
    def never(ti=None):
        ti.xcom_push("said", ti.try_number)
        raise ValueError("always")

    @task
    def gives_up():
        raise AirflowFailException("no use")

    @task(retries=1, retry_delay=timedelta(seconds=1), retry_exponential_backoff=True)
    def slower(ti=None):
        if ti.try_number < 2:
            raise ValueError("once")

    heals()
    never()
    gives_up()
    slower()

with DAG("feature_exit_without_a_word", schedule=None):

    @task(retries=1, retry_delay=timedelta(0))
    def dies(ti=None):
        import os

        if ti.try_number == 1:
            os._exit(3)
        return "second try"

    @task
    def leaves():
        raise SystemExit(1)

    dies()
    leaves()
