"""One meaning, one version: other processes, hash seeds and folders give the same bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskwire.canonical import canonical_json, content_hash
from tests.support.airflow_runtime import REPOSITORY, AirflowRuntime, start, write

FILE = """
    import os
    from datetime import datetime, timedelta
    from functools import partial
    from airflow.sdk import DAG, Asset, TaskGroup, task
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from own.operators import Own

    def call(x, *, y={"b", "a", "c"}):
        return x

    class Thing:
        def __call__(self): ...

    with DAG(
        "d", tags={"x", "y", "z", "w"}, start_date=datetime(2024, 1, 1),
        default_args={"who": {"r", "q", "p"}, "on_success_callback": print, "own": Thing()},
        access_control={"Op": {"can_read", "can_edit"}}, doc_md=f"in {os.path.dirname(__file__)}",
        template_searchpath=[os.path.dirname(__file__)],
    ) as dag:
        with TaskGroup("g"):
            a = PythonOperator(task_id="a", python_callable=partial(call, object()), op_kwargs={"s": {"k", "l"}})
            b = PythonOperator(task_id="b", python_callable=lambda: Thing())
        c = BashOperator(task_id="c", bash_command=f"ls {os.path.dirname(__file__)}", env={"A": "1"})
        Own(task_id="o", thing=Thing()) >> [a, b] >> c
        for name in "zyx":
            c >> PythonOperator(task_id=name, python_callable=Thing(), outlets=[Asset(name)])
"""
OWN = """
    from airflow.sdk import BaseOperator

    class Own(BaseOperator):
        template_fields = ("thing",)
        colours = {"red", "green", "blue"}

        def __init__(self, thing, **kwargs):
            super().__init__(**kwargs)
            self.thing = thing

        def execute(self, context):
            return 1
"""


@pytest.fixture(scope="module", params=["0", "1", "77"])
def seeded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowRuntime]:
    started = start(tmp_path_factory.mktemp("airflow"), hash_seed=request.param)
    yield started
    started.close()


def bundle(root: Path) -> Path:
    write(root, {"dags/file.py": FILE, "plugins/own/__init__.py": "", "plugins/own/operators.py": OWN})
    return root


def test_seeds_and_folders_do_not_matter(
    seeded: AirflowRuntime, runtime: AirflowRuntime, tmp_path: Path
) -> None:
    for path in ("dags/file.py",):
        here = runtime.parse(bundle=bundle(tmp_path / "here"), path=path)
        there = seeded.parse(bundle=bundle(tmp_path / "another" / "place"), path=path)
        assert (here.failures, there.failures) == ([], [])
        assert canonical_json(here.dags) == canonical_json(there.dags)
        assert here.dependencies == there.dependencies
        text = canonical_json(there.dags).decode()
        assert str(tmp_path) not in text
        assert "0x" not in text
        assert "unusual_prefix" not in text


def test_every_example_in_every_seed(seeded: AirflowRuntime, runtime: AirflowRuntime, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(REPOSITORY / "examples", copy)
    for path in ("dags/mapping.py", "dags/warehouse.py", "dags/dbt_like.py", "dags/pools.py"):
        here, there = (
            runtime.parse(bundle=REPOSITORY / "examples", path=path),
            seeded.parse(bundle=copy, path=path),
        )
        assert [content_hash(spec) for spec in here.dags] == [content_hash(spec) for spec in there.dags]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("dags/file.py", "return x", "return x + 1"),
        ("dags/file.py", '"A": "1"', '"A": "2"'),
        ("dags/file.py", "Asset(name)", 'Asset(name + "2")'),
        ("plugins/own/operators.py", "return 1", "return 2"),
        ("plugins/own/operators.py", '"blue"', '"black"'),
    ],
)
def test_a_changed_meaning_is_another_version(
    runtime: AirflowRuntime, tmp_path: Path, path: str, old: str, new: str
) -> None:
    root = bundle(tmp_path)
    before = runtime.parse(bundle=root, path="dags/file.py")
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))
    after = runtime.parse(bundle=root, path="dags/file.py")
    assert content_hash(before.dags[0]) != content_hash(after.dags[0])


def test_a_comment_beside_the_tasks_is_no_other_version(runtime: AirflowRuntime, tmp_path: Path) -> None:
    root = bundle(tmp_path)
    before = runtime.parse(bundle=root, path="dags/file.py")
    (root / "dags/file.py").write_text("# a comment\n\n" + (root / "dags/file.py").read_text())
    after = runtime.parse(bundle=root, path="dags/file.py")
    assert before.sha256 != after.sha256
    assert content_hash(before.dags[0]) == content_hash(after.dags[0])
