import zipfile
from pathlib import Path

from tests.support.airflow_runtime import AirflowRuntime

DAG_TEXT = "from airflow.sdk import DAG\nimport zipped_names\nd = DAG(zipped_names.NAME)\n"


def archive(bundle: Path, files: dict[str, str]) -> None:
    (bundle / "dags").mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(bundle / "dags/packed.zip", "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)


def test_a_zipped_dag_file(runtime: AirflowRuntime, tmp_path: Path) -> None:
    archive(tmp_path, {"zipped_dag.py": DAG_TEXT, "zipped_names.py": "NAME = 'from_zip'\n"})
    assert runtime.candidates(bundle=tmp_path) == ["dags/packed.zip"]
    told = runtime.parse(bundle=tmp_path, path="dags/packed.zip")
    assert told.failures == []
    (spec,) = told.dags
    assert (spec.dag_id, spec.relative_fileloc) == ("from_zip", "dags/packed.zip/zipped_dag.py")
    assert set(told.dependencies) == {"dags/packed.zip"}


def test_a_failure_in_a_zip(runtime: AirflowRuntime, tmp_path: Path) -> None:
    archive(tmp_path, {"zipped_dag.py": "import airflow\n1 / 0\n"})
    (only,) = runtime.parse(bundle=tmp_path, path="dags/packed.zip").failures
    assert "ZeroDivisionError" in only.message
    assert (only.path, only.line) == ("dags/packed.zip", 2)
