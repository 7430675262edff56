"""Setup and teardown: scopes, failures, skips, and whose end decides the run"""

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException


@task
def prepare(how="success"):
    if how == "failed":
        raise ValueError(how)
    if how == "skipped":
        raise AirflowSkipException(how)


@task
def work(fails=False):
    if fails:
        raise ValueError("work fails")


@task
def clean(fails=False):
    if fails:
        raise ValueError("teardown fails")


def scope(dag_id, *, ready="success", work_fails=False, clean_fails=False, decides=False):
    """setup >> work >> teardown, of which any may fail."""
    with DAG(dag_id, schedule=None) as dag:
        first = prepare(ready).as_setup()
        (
            first
            >> work(work_fails)
            >> clean(clean_fails).as_teardown(setups=first, on_failure_fail_dagrun=decides)
        )
    return dag


all_well = scope("feature_setup_all_well")
setup_fails = scope("feature_setup_fails", ready="failed")
setup_skipped = scope("feature_setup_skipped", ready="skipped")
work_fails = scope("feature_work_fails", work_fails=True)
teardown_fails = scope("feature_teardown_fails", clean_fails=True)
teardown_decides = scope("feature_teardown_fails_the_run", clean_fails=True, decides=True)

with DAG("feature_setup_of_several", schedule=None):
    ready = prepare().as_setup()
    with clean().as_teardown(setups=ready):
        (
            work.override(task_id="one")()
            >> work.override(task_id="two")(True)
            >> work.override(task_id="three")()
        )

with DAG("feature_two_setups", schedule=None):
    one = prepare.override(task_id="one")().as_setup()
    two = prepare.override(task_id="two")("failed").as_setup()
    (
        [one, two]
        >> work()
        >> [
            clean.override(task_id="clean_one")().as_teardown(setups=one),
            clean.override(task_id="clean_two")().as_teardown(setups=two),
        ]
    )

with DAG("feature_work_behind_teardown", schedule=None):
    ready = prepare().as_setup()
    end = clean().as_teardown(setups=ready)
    ready >> work() >> end
    end >> work.override(task_id="later")()
