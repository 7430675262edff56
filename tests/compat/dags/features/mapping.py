"""Dynamic mapping: literals, XComs, kwargs, partial, products, zip, map, concat, templates, empty input"""

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException


@task
def numbers(n):
    return list(range(n))


@task
def pairs():
    return [{"x": 1, "y": 2}, {"x": 3, "y": 4}]


@task
def table():
    return {"a": 1, "b": 2}


@task
def add(x, y=10):
    return x + y


@task
def total(values):
    return sum(values)


@task
def show(value):
    return repr(value)


with DAG("feature_map_literal", schedule=None):
    total(add.expand(x=[1, 2, 3]))

with DAG("feature_map_partial", schedule=None):
    total(add.partial(y=100).expand(x=numbers(3)))

with DAG("feature_map_product", schedule=None):
    total(add.expand(x=[1, 2, 3], y=numbers(2)))

with DAG("feature_map_kwargs", schedule=None):
    total(add.expand_kwargs(pairs()))

with DAG("feature_map_kwargs_literal", schedule=None):
    total(add.expand_kwargs([{"x": 1}, {"x": 2, "y": 3}]))

with DAG("feature_map_dict", schedule=None):
    show.expand(value=table())

with DAG("feature_map_zip", schedule=None):
    show.expand(value=numbers(3).zip(numbers.override(task_id="fewer")(2)))
    show.override(task_id="filled").expand(
        value=numbers.override(task_id="n3")(3).zip(numbers.override(task_id="n1")(1), fillvalue="none")
    )

with DAG("feature_map_concat", schedule=None):
    show.expand(value=numbers(2).concat(numbers.override(task_id="more")(3)))


def double(value):
    return value * 2


def odd_only(value):
    if value % 2 == 0:
        raise AirflowSkipException("even")
    return value


with DAG("feature_map_map", schedule=None):
    show.expand(value=numbers(3).map(double))
    show.override(task_id="odd").expand(value=numbers.override(task_id="n4")(4).map(odd_only))

with DAG("feature_map_empty", schedule=None):
    values = add.expand(x=numbers(0))
    total(values)
    total.override(task_id="anyway", trigger_rule="all_done")(values)

with DAG("feature_map_over_mapped", schedule=None):
    add.override(task_id="again").expand(x=add.expand(x=[1, 2]))

with DAG("feature_map_label", schedule=None):

    @task(map_index_template="{{ name }}")
    def labelled(value):
        from airflow.sdk import get_current_context

        get_current_context()["name"] = f"number {value}"

    labelled.expand(value=[1, 2])

with DAG("feature_map_some_fail", schedule=None):

    @task
    def fragile(value):
        if value == 1:
            raise ValueError("one")
        return value

    some = fragile.expand(value=numbers(3))
    total(some)
    total.override(task_id="rest", trigger_rule="all_done")(some)

with DAG("feature_map_some_skip", schedule=None):

    @task
    def picky(value):
        if value == 1:
            raise AirflowSkipException("one")
        return value

    some = picky.expand(value=numbers(3))
    total(some)
    total.override(task_id="rest", trigger_rule="none_failed")(some)

with DAG("feature_map_wrong_shape", schedule=None):

    @task
    def text():
        return "not a list"

    @task
    def nothing():
        return None

    show.expand(value=text())
    show.override(task_id="of_nothing").expand(value=nothing())

with DAG("feature_map_upstream_failed", schedule=None):

    @task
    def breaks():
        raise ValueError("no list")

    show.expand(value=breaks())

with DAG("feature_map_upstream_skipped", schedule=None):

    @task
    def skips():
        raise AirflowSkipException("no list")

    show.expand(value=skips())
    show.override(task_id="regardless", trigger_rule="all_done").expand(
        value=skips.override(task_id="skips2")()
    )
