"""A chain of shell commands as one runs dbt: seed, run, test, docs. Templates come from files beside the DAG."""

from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

with DAG(
    "dbt_like",
    schedule_interval="0 3 * * *",
    start_date=datetime(2024, 1, 1),
    catchup=False,
    params={"target": "dev", "models": ["customers", "orders"]},
    tags=["example", "bash"],
) as dag:
    dbt_seed = BashOperator(task_id="dbt_seed", bash_command="echo seeding {{ params.target }} && echo 42")
    dbt_run = BashOperator(task_id="dbt_run", bash_command="scripts/dbt_run.sh")
    dbt_test = BashOperator(
        task_id="dbt_test",
        bash_command='test "$ROWS" -ge 1 && echo "$ROWS rows pass {{ params.models | length }} tests"',
        env={"ROWS": "{{ ti.xcom_pull(task_ids='dbt_seed') }}"},
        append_env=True,
    )
    dbt_docs = BashOperator(task_id="dbt_docs", bash_command="echo docs for {{ ds_nodash }}", do_xcom_push=False)
    dbt_seed >> dbt_run >> dbt_test >> dbt_docs
