"""The first DAG most people write, in the words of Airflow 2: classic operators and `schedule_interval`."""

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash import BashOperator
from airflow.operators.python import PythonOperator


def hello():
    print("Production DAG running")


def report(execution_date, **context):
    print(f"Run {context['run_id']} is for {execution_date}")
    return {"day": context["ds"], "tomorrow": context["next_ds"]}


with DAG(
    dag_id="production_hello",
    description="Classic operators, Airflow 2 spelling",
    start_date=datetime(2024, 1, 1),
    schedule_interval="@daily",
    catchup=False,
    concurrency=4,
    default_args={"owner": "airflow", "depends_on_past": False, "retries": 0, "sla": timedelta(minutes=10)},
    default_view="graph",
    tags=["example", "classic"],
) as dag:
    hello_task = PythonOperator(task_id="hello_task", python_callable=hello)
    report_task = PythonOperator(task_id="report_task", python_callable=report, provide_context=True)
    shell_task = BashOperator(task_id="shell_task", bash_command="echo 'day {{ execution_date.strftime(\"%Y-%m-%d\") }}'")

    hello_task >> [report_task, shell_task]
