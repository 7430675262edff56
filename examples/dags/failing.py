"""How failure looks: one task fails, what follows it never starts, and the cleanup runs all the same."""

from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def transform():
    prices = {"tea": 3, "coffee": None}
    return {name: price * 2 for name, price in prices.items()}


def tell(context):
    print(f"{context['task_instance'].task_id} failed: {context['exception']}")


with DAG(
    "failing",
    schedule_interval=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["example", "failure"],
) as dag:
    extract = PythonOperator(task_id="extract", python_callable=lambda: 2)
    transform_task = PythonOperator(task_id="transform", python_callable=transform, on_failure_callback=tell)
    load = PythonOperator(task_id="load", python_callable=lambda: None)
    cleanup = PythonOperator(task_id="cleanup", python_callable=lambda: "tidy", trigger_rule="all_done")
    extract >> transform_task >> load
    transform_task >> cleanup
