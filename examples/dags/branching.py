"""A branch, what it skips, and the trigger rules that join the paths again."""

from datetime import datetime

from airflow import DAG
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator, PythonOperator, ShortCircuitOperator

ROWS = 1200


def choose():
    return "full_load" if ROWS > 1000 else "small_load"


with DAG(
    "branching",
    schedule_interval=None,
    start_date=datetime(2024, 1, 1),
    catchup=False,
    tags=["example", "branch"],
) as dag:
    branch = BranchPythonOperator(task_id="branch", python_callable=choose)
    full_load = PythonOperator(task_id="full_load", python_callable=lambda: ROWS)
    small_load = PythonOperator(task_id="small_load", python_callable=lambda: 0)
    after_small = EmptyOperator(task_id="after_small")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    strict_join = EmptyOperator(task_id="strict_join")
    only_on_request = ShortCircuitOperator(
        task_id="only_on_request", python_callable=lambda: False, ignore_downstream_trigger_rules=False
    )
    extra_report = PythonOperator(task_id="extra_report", python_callable=lambda: "never")
    always = PythonOperator(task_id="always", python_callable=lambda: "done", trigger_rule="all_done")

    branch >> [full_load, small_load]
    small_load >> after_small
    [full_load, after_small] >> join
    [full_load, small_load] >> strict_join
    join >> only_on_request >> extra_report
    [extra_report, strict_join] >> always
