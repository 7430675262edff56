"""One DAG per entry of the JSON file beside this one. Edit the file, push, and the DAGs follow."""

import json
import os
from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator

CONFIG_PATH = os.path.join(os.path.dirname(__file__), "ingestion_config.json")


def ingest(table_name, ds, **_):
    print(f"Ingesting {table_name} for {ds}")
    return f"{table_name}/{ds}.parquet"


def create_dag(dag_id, table_name, schedule):
    dag = DAG(
        dag_id=dag_id,
        schedule_interval=schedule,
        start_date=datetime(2024, 1, 1),
        catchup=False,
        tags=["example", "dynamic", "ingestion"],
    )
    with dag:
        start = EmptyOperator(task_id="start")
        ingest_table = PythonOperator(
            task_id=f"ingest_{table_name}", python_callable=ingest, op_kwargs={"table_name": table_name}
        )
        end = EmptyOperator(task_id="end")
        start >> ingest_table >> end
    return dag


if os.path.exists(CONFIG_PATH):
    with open(CONFIG_PATH) as f:
        config = json.load(f)
    for pipeline in config["pipelines"]:
        d_id = f"dynamic_ingest_{pipeline['table']}"
        globals()[d_id] = create_dag(d_id, pipeline["table"], pipeline["schedule"])
