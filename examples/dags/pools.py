"""Tasks that share a pool. `cpu_bound_pool` has two slots: the heavy task takes both, the light ones one each."""

import time
from datetime import datetime

from airflow import DAG
from airflow.operators.python import PythonOperator


def work(seconds):
    time.sleep(seconds)
    return time.time()


with DAG(
    "pools",
    schedule_interval=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["example", "pools"],
) as dag:
    heavy = PythonOperator(
        task_id="heavy",
        python_callable=work,
        op_args=[1],
        pool="cpu_bound_pool",
        pool_slots=2,
        priority_weight=10,
        weight_rule="absolute",
    )
    light = [
        PythonOperator(
            task_id=f"light_{n}",
            python_callable=work,
            op_args=[0.5],
            pool="cpu_bound_pool",
            weight_rule="absolute",
        )
        for n in range(1, 5)
    ]
    summary = PythonOperator(task_id="summary", python_callable=lambda: "all slots given back")
    [heavy, *light] >> summary
