from pathlib import Path

import pytest

from taskwire.parsing import ImportFailure
from tests.support.airflow_runtime import AirflowRuntime, RunFailed, write

HEAD = "from airflow.sdk import DAG, task\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"


def failure(runtime: AirflowRuntime, bundle: Path, text: str) -> ImportFailure:
    told = runtime.parse_text(bundle=bundle, text=HEAD + text)
    assert told.dags == []
    (only,) = told.failures
    assert only.path == "dags/file.py"
    return only


@pytest.mark.parametrize(
    ("text", "kind", "line", "message"),
    [
        ("x = (1,\n", "syntax", 3, "'(' was never closed"),
        ("\n1 / 0\n", "exception", 4, "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)\n", "exception", 3, "SystemExit: 3"),
        ("raise MemoryError\n", "memory", 3, "MemoryError"),
        ("import no_such_thing\n", "exception", 3, "No module named 'no_such_thing'"),
        ("DAG('not a valid id')\n", "exception", 3, "alphanumeric characters"),
        ("d = DAG('d', schedule='61 * * * *')\n", "invalid", 3, "AirflowTimetableInvalid"),
        (
            "a = DAG('d')\nb = DAG('d', schedule='@daily')\n",
            "duplicate",
            4,
            "2 DAGs of this file have the dag_id 'd'",
        ),
    ],
)
def test_kind_line_and_message(
    runtime: AirflowRuntime, tmp_path: Path, text: str, kind: str, line: int, message: str
) -> None:
    told = failure(runtime, tmp_path, text)
    assert (told.kind, told.line) == (kind, line)
    assert message in told.message
    assert str(tmp_path) not in told.message + told.stacktrace


def test_two_tasks_of_one_id(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "with DAG('d'):\n    EmptyOperator(task_id='t')\n    EmptyOperator(task_id='t')\n"
    told = failure(runtime, tmp_path, text)
    assert (told.kind, told.line) == ("duplicate", 5)
    assert "'t'" in told.message


def test_a_cycle_names_its_tasks(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = (
        "with DAG('d'):\n"
        "    a, b, c, x = [EmptyOperator(task_id=i) for i in 'abcx']\n"
        "    x >> a >> b >> c >> a\n"
        "    c >> EmptyOperator(task_id='after')\n"
    )
    told = failure(runtime, tmp_path, text)
    assert (told.kind, told.line) == ("cycle", 3)
    assert told.message.endswith("Cycle detected in DAG d: a >> b >> c >> a")


def test_an_endless_loop_is_told_with_its_line(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"dags/file.py": HEAD + "while True:\n    pass\n"})
    told = runtime.parse(bundle=tmp_path, path="dags/file.py", timeout_seconds=0.2)
    (only,) = told.failures
    assert only.kind == "timeout"
    assert only.line in (3, 4)


def test_the_line_is_the_authors_also_below_a_helper(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"dags/helper.py": "def boom():\n    raise KeyError('x')\n"})
    told = failure(runtime, tmp_path, "import helper\nhelper.boom()\n")
    assert told.line == 4
    assert 'File "dags/helper.py", line 2, in boom' in told.stacktrace
    assert "importlib" not in told.stacktrace


def test_one_bad_dag_leaves_the_others(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = runtime.parse_text(
        bundle=tmp_path, text=HEAD + "a = DAG('good')\nb = DAG('bad', schedule='nonsense')\n"
    )
    assert [dag.dag_id for dag in told.dags] == ["good"]
    assert [(each.kind, each.line) for each in told.failures] == [("invalid", 4)]


def test_an_argument_of_a_wrong_type_is_told(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = failure(runtime, tmp_path, "with DAG('d'):\n    EmptyOperator(task_id='t', pool_slots=1.5)\n")
    assert told.kind in ("invalid", "exception")
    assert "pool_slots" in told.message


@pytest.mark.parametrize(
    ("statement", "requirement"),
    [
        (
            "from airflow.providers.postgres.hooks.postgres import PostgresHook",
            "apache-airflow-providers-postgres",
        ),
        ("import airflow.providers.apache.spark.hooks", "apache-airflow-providers-apache-spark"),
        ("from airflow.providers.cncf.kubernetes import secret", "apache-airflow-providers-cncf-kubernetes"),
        ("from airflow.operators.mysql_operator import MySqlOperator", "apache-airflow-providers-mysql"),
        ("import sklearn.base", "scikit-learn"),
    ],
)
def test_a_missing_package_names_the_requirement(
    runtime: AirflowRuntime, tmp_path: Path, statement: str, requirement: str
) -> None:
    told = failure(runtime, tmp_path, statement + "\n")
    assert told.message.endswith(f"Add {requirement} to requirements.txt")
    assert f"Add {requirement} to requirements.txt" in told.stacktrace


def test_a_misspelt_module_of_an_installed_provider_asks_for_no_requirement(
    runtime: AirflowRuntime, tmp_path: Path
) -> None:
    told = failure(runtime, tmp_path, "import airflow.providers.standard.operators.pyhton\n")
    assert "requirements.txt" not in told.message


def test_a_path_out_of_the_bundle_is_refused(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"secret.py": "", "bundle/dags/file.py": ""})
    with pytest.raises(RunFailed, match="PathOutsideBundle"):
        runtime.parse(bundle=tmp_path / "bundle", path="../secret.py")
