"""Retries with exponential backoff: fails twice, then succeeds. Delays are short so that you can watch."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.python import PythonOperator


def might_fail(ti, **_):
    if ti.try_number < 3:
        raise ConnectionError(f"try {ti.try_number}: the API hung up")
    return f"worked on try {ti.try_number}"


with DAG(
    "fragile",
    schedule_interval=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["example", "retries"],
) as dag:
    fragile_task = PythonOperator(
        task_id="fragile_task",
        python_callable=might_fail,
        retries=3,
        retry_delay=timedelta(seconds=1),
        exponential_backoff=True,
        max_retry_delay=timedelta(seconds=4),
    )
    celebrate = PythonOperator(
        task_id="celebrate",
        python_callable=lambda ti: print(ti.xcom_pull(task_ids="fragile_task")),
    )
    fragile_task >> celebrate
