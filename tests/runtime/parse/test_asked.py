from pathlib import Path

import pytest

from tests.support.airflow_runtime import AirflowRuntime

SDK = "from airflow.sdk import DAG, Variable\n"
MODELS = "from airflow.models import Variable\nfrom airflow.sdk import DAG\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SDK + "d = DAG('d', description=Variable.get('region', default='eu'))\n", 2),
        (MODELS + "d = DAG('d', description=Variable.get('region', default_var='eu'))\n", 3),
        (MODELS + "d = DAG('d', description=Variable.get('region', 'eu'))\n", 3),
    ],
)
def test_a_default_counts_and_the_question_is_told(
    runtime: AirflowRuntime, tmp_path: Path, text: str, line: int
) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert told.failures == []
    assert told.dags[0].description == "eu"
    (read,) = [each for each in told.findings if each.code == "AERO-READ-variable"]
    assert (read.line, read.severity) == (line, "info")
    assert "'region'" in read.message


def test_without_a_default_the_file_fails_at_its_line(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=SDK + "x = Variable.get('region')\n")
    (only,) = told.failures
    assert only.line == 2
    assert "Variable region not found" in only.message


def test_airflow_2_recipes_catch_a_key_error(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = MODELS + "try:\n    Variable.get('region')\nexcept KeyError as error:\n    d = DAG('d')\n"
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert [spec.dag_id for spec in told.dags] == ["d"]
    assert "AERO-SHIM-variable" in {each.code for each in told.findings}


def test_a_connection_is_told_too(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "from airflow.sdk import BaseHook\ntry:\n    BaseHook.get_connection('db')\nexcept Exception:\n    pass\n"
    (found,) = runtime.parse_text(bundle=tmp_path, text=text).findings
    assert (found.code, found.line) == ("AERO-READ-connection", 3)


def test_the_caller_may_answer(runtime: AirflowRuntime, tmp_path: Path) -> None:
    (tmp_path / "d.py").write_text(SDK + "d = DAG('d', description=Variable.get('region'))\n")
    answer = runtime.run(
        f"""
        from pathlib import Path
        from airflow.sdk.execution_time.comms import VariableResult
        from aerodrome_runtime.parse.child import parse_file
        told = parse_file(
            bundle_root=Path({str(tmp_path)!r}), path="d.py",
            answer=lambda ask: VariableResult(key=ask.key, value="us"),
        )
        result = [told.dags[0].description, [str(each) for each in told.failures]]
        """
    )
    assert answer == ["us", []]


def test_the_database_is_refused_with_the_way_out(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = (
        "from airflow.utils.session import create_session\nfrom sqlalchemy import text\n"
        "with create_session() as session:\n    session.execute(text('select 1'))\n"
    )
    (only,) = runtime.parse_text(bundle=tmp_path, text=text).failures
    assert "DAG code cannot reach Airflow's database" in only.message
    assert only.line == 4
