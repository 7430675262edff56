from pathlib import Path

import pytest

from taskwire.dagspec import DagSpec, ExpandInput
from tests.support.airflow_runtime import AirflowRuntime

FILE = """
    from airflow.sdk import DAG, task, task_group
    from airflow.providers.standard.operators.bash import BashOperator
    with DAG("d"):
        @task
        def one(): return [1]
        @task
        def two(): return {{"a": 1}}
        @task
        def use(x=None, y=None): ...
        @task_group
        def group(x):
            use(x)
        a, b = one(), two()
        {statement}
"""


def xcom(task_id: str, key: str = "return_value") -> ExpandInput:
    return ExpandInput(kind="xcom", task_id=task_id, key=key)


def literal(length: int) -> ExpandInput:
    return ExpandInput(kind="literal", length=length)


def product(**children: ExpandInput) -> ExpandInput:
    return ExpandInput(kind="product", names=list(children), children=list(children.values()))


def parsed(runtime: AirflowRuntime, bundle: Path, statement: str) -> DagSpec:
    told = runtime.parse_text(bundle=bundle, text=FILE.format(statement=statement))
    assert told.failures == []
    return told.dags[0]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("use.expand(x=[1, 2, 3])", product(x=literal(3))),
        ("use.expand(x=[])", product(x=literal(0))),
        ("use.expand(x={'k': 1, 'l': 2})", product(x=literal(2))),
        ("use.expand(y=[1, 2], x=a)", product(y=literal(2), x=xcom("one"))),
        ("use.expand(x=a.map(str))", product(x=ExpandInput(kind="map", children=[xcom("one")]))),
        ("use.expand(x=a.zip(b))", product(x=ExpandInput(kind="zip", children=[xcom("one"), xcom("two")]))),
        (
            "use.expand(x=a.zip(b, fillvalue=None))",
            product(x=ExpandInput(kind="zip", fill=True, children=[xcom("one"), xcom("two")])),
        ),
        (
            "use.expand(x=a.concat(b))",
            product(x=ExpandInput(kind="concat", children=[xcom("one"), xcom("two")])),
        ),
        (
            "use.expand(x=a.concat(b).map(str).zip(a))",
            product(
                x=ExpandInput(
                    kind="zip",
                    children=[
                        ExpandInput(
                            kind="map",
                            children=[ExpandInput(kind="concat", children=[xcom("one"), xcom("two")])],
                        ),
                        xcom("one"),
                    ],
                )
            ),
        ),
        ("use.expand_kwargs([{'x': 1}, {'x': 2}])", ExpandInput(kind="list", children=[literal(2)])),
        ("use.expand_kwargs(a)", ExpandInput(kind="list", children=[xcom("one")])),
        ("use.partial(y=1).expand(x=one.override(task_id='o2').expand_kwargs([{}]))", product(x=xcom("o2"))),
    ],
)
def test_a_mapped_task(
    runtime: AirflowRuntime, tmp_path: Path, statement: str, expected: ExpandInput
) -> None:
    told = {task.task_id: task for task in parsed(runtime, tmp_path, statement).tasks}["use"]
    assert told.is_mapped
    assert told.expand == expected


def test_a_mapped_classic_operator(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = "BashOperator.partial(task_id='m', retries=2).expand(bash_command=['a', 'b'])"
    told = {task.task_id: task for task in parsed(runtime, tmp_path, statement).tasks}["m"]
    assert (told.operator, told.retries, told.expand) == ("BashOperator", 2, product(bash_command=literal(2)))


def test_a_mapped_group_and_what_is_in_it(runtime: AirflowRuntime, tmp_path: Path) -> None:
    spec = parsed(runtime, tmp_path, "group.expand(x=a)")
    (group,) = spec.groups
    assert (group.group_id, group.is_mapped, group.expand) == ("group", True, product(x=xcom("one")))
    inside = {task.task_id: task for task in spec.tasks}["group.use"]
    assert (inside.mapped_group_ids, inside.is_mapped, inside.group_id) == (["group"], False, "group")
