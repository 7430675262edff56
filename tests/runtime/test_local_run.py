"""`dags test`: a DAG runs to its end with Airflow's own means, says its states, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.airflow_runtime import REPOSITORY, write

FILES = {
    "dags/good.py": """
        from airflow.sdk import Variable, dag, get_current_context, task
        from own_words import WORD

        @dag(schedule=None)
        def good():
            @task
            def numbers():
                print("word", WORD, Variable.get("colour"), get_current_context()["dag_run"].conf["size"])
                return [1, 2]
            @task
            def twice(n):
                return 2 * n
            @task.branch
            def choose(_):
                return "left"
            @task
            def left(): ...
            @task
            def right(): ...
            choose(twice.expand(n=numbers())) >> [left(), right()]
        good()
    """,
    "dags/bad.py": """
        from airflow import DAG
        from airflow.operators.python import PythonOperator
        with DAG("bad", schedule_interval=None, concurrency=1):
            PythonOperator(task_id="t", python_callable=lambda: 1 / 0)
    """,
    "dags/broken.py": "from airflow.sdk import DAG\nimport nowhere_to_be_found\n",
    "own_words.py": "WORD = 'hello'\n",
}


def run(
    python: Path, root: Path, home: Path, dag_id: str, **fields: object
) -> subprocess.CompletedProcess[str]:
    home.mkdir()
    order = {"bundle": str(root), "dag_id": dag_id, "home": str(home), **fields}
    return subprocess.run(
        [str(python), "-P", "-m", "aerodrome_runtime.local.run_dag"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": f"{REPOSITORY}/runtime:{REPOSITORY}/platform",
            "AIRFLOW_VAR_COLOUR": "green",
        },
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    write(folder, FILES)
    return folder


def states(said: str) -> dict[str, str]:
    lines = said.rpartition("\n\n")[2].splitlines()
    return {line[19:].split("  ")[0].strip(): line.split()[0] for line in lines if line.startswith("  ")}


def test_a_run_that_succeeds(runtime_path: Path, root: Path, tmp_path: Path) -> None:
    before = sorted(root.rglob("*"))
    done = run(runtime_path / "bin" / "python", root, tmp_path / "home", "good", conf={"size": 3})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "word hello green 3" in done.stdout + done.stderr
    assert states(done.stdout) == {
        "numbers": "success",
        "twice [0]": "success",
        "twice [1]": "success",
        "choose": "success",
        "left": "success",
        "right": "skipped",
    }
    assert done.stdout.rstrip().endswith("good  success")
    assert sorted(root.rglob("*")) == before


def test_a_run_that_fails(runtime_path: Path, root: Path, tmp_path: Path) -> None:
    """An Airflow 2-era file, too: the shim is there as in a runtime."""
    done = run(runtime_path / "bin" / "python", root, tmp_path / "home", "bad")
    assert done.returncode == 1
    assert states(done.stdout) == {"t": "failed"}
    assert "ZeroDivisionError" in done.stdout + done.stderr


def test_a_dag_that_is_not_there(runtime_path: Path, root: Path, tmp_path: Path) -> None:
    done = run(runtime_path / "bin" / "python", root, tmp_path / "home", "absent")
    assert done.returncode == 1
    assert "there is no DAG 'absent'" in done.stderr
    assert "dags/broken.py: ModuleNotFoundError" in done.stderr


@pytest.mark.heavy
def test_the_command_makes_the_runtime_and_takes_its_home_away(tmp_path: Path) -> None:
    from tests.support.base_runtime import furnish_base

    write(tmp_path / "bundle", {**FILES, "dags/broken.py": ""})
    furnish_base(runtimes=tmp_path / "data" / "agent" / "runtimes")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-P", "-m", "launcher", "dags", "test", str(tmp_path / "bundle"), "good"]
    done = subprocess.run(
        [*command, "--conf", '{"size": 1}'],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{REPOSITORY}/platform:{REPOSITORY}",
            "AERODROME_DATA": str(tmp_path / "data"),
            "AIRFLOW_VAR_COLOUR": "red",
            "TMPDIR": str(temporary),
        },
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "word hello red 1" in done.stdout + done.stderr
    assert list(temporary.iterdir()) == []
