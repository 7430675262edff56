"""Mapped task groups: per-index upstreams, failures and skips of one index, empty input, aggregation"""

from airflow.sdk import DAG, task, task_group
from airflow.sdk.exceptions import AirflowSkipException


@task
def numbers(n):
    return list(range(n))


@task
def step(value, fails_at=None, skips_at=None):
    if value == fails_at:
        raise ValueError("as asked")
    if value == skips_at:
        raise AirflowSkipException("as asked")
    return value


@task
def total(values):
    return sorted(values)


@task
def outside():
    return None


with DAG("feature_group_mapped", schedule=None):

    @task_group
    def group(value):
        return step.override(task_id="two")(step.override(task_id="one")(value))

    total(group.expand(value=numbers(3)))

with DAG("feature_group_one_index_fails", schedule=None):

    @task_group
    def group(value):
        return step.override(task_id="two")(step.override(task_id="one")(value, fails_at=1))

    out = group.expand(value=[0, 1, 2])
    total(out)
    total.override(task_id="rest", trigger_rule="all_done")(out)

with DAG("feature_group_one_index_skips", schedule=None):

    @task_group
    def group(value):
        first = step.override(task_id="one")(value, skips_at=1)
        step.override(task_id="two")(first)
        step.override(task_id="done", trigger_rule="all_done")(value) << first

    group.expand(value=[0, 1, 2]) >> outside()

with DAG("feature_group_empty", schedule=None):

    @task_group
    def group(value):
        step.override(task_id="two")(step.override(task_id="one")(value))

    mapped = group.expand(value=numbers(0))
    mapped >> outside()
    mapped >> outside.override(task_id="anyway", trigger_rule="all_done")()

with DAG("feature_group_kwargs", schedule=None):

    @task_group
    def group(value, fails_at):
        step(value, fails_at=fails_at)

    group.expand_kwargs([{"value": 1, "fails_at": 0}, {"value": 2, "fails_at": 2}])

with DAG("feature_group_waits_for_outside", schedule=None):
    before = outside()

    @task_group
    def group(value):
        before >> step.override(task_id="one")(value) >> step.override(task_id="two")(value)

    group.expand(value=[1, 2])

with DAG("feature_group_branches_inside", schedule=None):

    @task.branch
    def choose(value):
        return "group.even" if value % 2 == 0 else "group.odd"

    @task_group
    def group(value):
        (
            choose(value)
            >> [
                step.override(task_id="even")(value),
                step.override(task_id="odd")(value),
            ]
            >> step.override(task_id="join", trigger_rule="none_failed_min_one_success")(value)
        )

    group.expand(value=[0, 1, 2])
