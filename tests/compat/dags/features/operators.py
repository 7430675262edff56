"""Standard operators: Bash exit codes, Python, Empty, skips and failures by exception"""

from datetime import timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import (
    BranchPythonOperator,
    PythonOperator,
    ShortCircuitOperator,
)
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowException, AirflowSkipException, AirflowTaskTimeout

with DAG("feature_operators", schedule=None):
    BashOperator(task_id="ok", bash_command="echo first; echo last")
    BashOperator(task_id="skips", bash_command="exit 99")
    BashOperator(task_id="fails", bash_command="exit 3")
    BashOperator(task_id="cwd_missing", bash_command="true", cwd="/no/such/folder")
    EmptyOperator(task_id="empty")
    PythonOperator(task_id="python", python_callable=lambda: {"a": [1, 2]}, show_return_value_in_logs=False)
    BranchPythonOperator(task_id="branch", python_callable=lambda: "left") >> [
        EmptyOperator(task_id="left"),
        EmptyOperator(task_id="right"),
    ]
    ShortCircuitOperator(task_id="circuit", python_callable=list) >> EmptyOperator(task_id="cut")
    BranchDayOfWeekOperator(
        task_id="wednesday",
        week_day="Wednesday",
        use_task_logical_date=True,
        follow_task_ids_if_true="is_wednesday",
        follow_task_ids_if_false="is_not",
    ) >> [EmptyOperator(task_id="is_wednesday"), EmptyOperator(task_id="is_not")]

    @task
    def raises(what):
        raise {"airflow": AirflowException, "skip": AirflowSkipException, "timeout": AirflowTaskTimeout}[
            what
        ](what)

    for name in ("airflow", "skip", "timeout"):
        raises.override(task_id=f"raises_{name}")(name)

    @task(execution_timeout=timedelta(seconds=1))
    def too_long():
        import time

        time.sleep(30)

    too_long()
