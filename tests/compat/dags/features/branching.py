"""Branches, short circuits, latest only: what they skip, and what joins behind them"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.sdk import DAG, TaskGroup, task


@task.branch
def choose(what):
    return what


@task.short_circuit
def passes(value):
    return value


with DAG("feature_branch_one", schedule=None):
    start = choose("b")
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    strict = EmptyOperator(task_id="strict")
    for name in "abc":
        one = EmptyOperator(task_id=name)
        start >> one >> join
        one >> strict

with DAG("feature_branch_many", schedule=None):
    start = choose(["a", "c"])
    for name in "abc":
        start >> EmptyOperator(task_id=name) >> EmptyOperator(task_id=f"{name}_below")

with DAG("feature_branch_none", schedule=None):
    choose(None) >> [EmptyOperator(task_id="a"), EmptyOperator(task_id="b") >> EmptyOperator(task_id="c")]

with DAG("feature_branch_into_group", schedule=None):
    start = choose("group")
    with TaskGroup("group"):
        EmptyOperator(task_id="x") >> EmptyOperator(task_id="y")
    start >> [dag_group := EmptyOperator(task_id="other")]
    start >> dag_group.dag.task_group.children["group"]

with DAG("feature_branch_to_nobody", schedule=None):
    choose("nobody") >> EmptyOperator(task_id="a")

with DAG("feature_branch_to_join", schedule=None):
    start = choose("join")
    step = EmptyOperator(task_id="step")
    join = EmptyOperator(task_id="join")
    start >> step >> join
    start >> join

with DAG("feature_short_circuit", schedule=None):
    stop = passes(False)
    stop >> EmptyOperator(task_id="a") >> EmptyOperator(task_id="always", trigger_rule="always")
    go = passes.override(task_id="goes")(True)
    go >> EmptyOperator(task_id="b")

with DAG("feature_short_circuit_respects_rules", schedule=None):
    stop = passes.override(ignore_downstream_trigger_rules=False)(0)
    stop >> EmptyOperator(task_id="a") >> EmptyOperator(task_id="done", trigger_rule="all_done")

with DAG("feature_latest_only", schedule=None):
    (
        LatestOnlyOperator(task_id="latest")
        >> EmptyOperator(task_id="a")
        >> EmptyOperator(task_id="done", trigger_rule="all_done")
    )

with DAG("feature_nested_branches", schedule=None):
    outer = choose("inner")
    inner = choose.override(task_id="inner")("x")
    outer >> [inner, EmptyOperator(task_id="away")]
    join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    inner >> [EmptyOperator(task_id="x"), EmptyOperator(task_id="y")] >> join
