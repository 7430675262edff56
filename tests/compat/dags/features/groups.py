"""Task groups: edges from and to groups, nesting, empty groups, ids with and without prefix"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, task


@task
def fails():
    raise ValueError("as asked")


with DAG("feature_groups", schedule=None):
    start = EmptyOperator(task_id="start")
    with TaskGroup("outer") as outer:
        with TaskGroup("inner", prefix_group_id=False) as inner:
            EmptyOperator(task_id="x") >> fails()
        after = EmptyOperator(task_id="after", trigger_rule="one_failed")
        inner >> after
    with TaskGroup("nothing") as nothing:
        pass
    end = EmptyOperator(task_id="end", trigger_rule="all_done")
    start >> outer >> nothing >> end
