from pathlib import Path

from tests.support.airflow_runtime import AirflowRuntime, write

HEAD = """
from pathlib import Path
import os, glob, json
from airflow.sdk import DAG
HERE = Path(__file__).parent
"""


def test_imports_and_opened_files_are_dependencies(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "dags/common/__init__.py": "",
            "dags/common/names.py": "NAME = 'd'\n",
            "dags/unused.py": "",
            "plugins/own.py": "X = 1\n",
            "dags/settings.json": "{}",
            "include/tasks.sql": "select 1",
        },
    )
    text = HEAD + (
        "from common.names import NAME\nimport own\njson.load(open(HERE / 'settings.json'))\n"
        "(HERE.parent / 'include/tasks.sql').read_text()\nd = DAG(NAME)\n"
    )
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert [dag.dag_id for dag in told.dags] == ["d"]
    assert set(told.dependencies) == {
        "dags/file.py",
        "dags/common/__init__.py",
        "dags/common/names.py",
        "plugins/own.py",
        "dags/settings.json",
        "include/tasks.sql",
    }
    assert told.dependencies["dags/file.py"] == told.sha256
    assert all(len(digest) == 64 for digest in told.dependencies.values())
    assert told.listed_folders == []


def test_what_was_looked_for_in_vain_counts_too(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = HEAD + (
        "if os.path.exists(HERE / 'config.json'):\n    raise SystemExit\n"
        "try:\n    import local_overrides\nexcept ImportError:\n    pass\n"
    )
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert told.failures == []
    absent = {path for path, digest in told.dependencies.items() if digest == ""}
    assert {"dags/config.json", "dags/local_overrides.py", "local_overrides.py"} <= absent
    assert "dags/file.py" not in absent


def test_listed_folders(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"dags/tables/a.yml": "", "dags/more/b.yml": "", "dags/quiet/c.yml": ""})
    text = (
        HEAD
        + "glob.glob(str(HERE / 'tables/*.yml'))\nos.listdir(HERE.parent)\nsorted(HERE.joinpath('more').iterdir())\n"
    )
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert told.listed_folders == [".", "dags/more", "dags/tables"]


def test_importing_is_not_listing(runtime: AirflowRuntime, tmp_path: Path) -> None:
    """The import system lists every folder of sys.path; were that told, each new file would parse all others."""
    write(tmp_path, {"dags/names.py": ""})
    told = runtime.parse_text(bundle=tmp_path, text=HEAD + "import names\n")
    assert told.listed_folders == []


def test_template_files_are_dependencies(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"dags/run.sh": "echo {{ ds }}\n"})
    text = """
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.bash import BashOperator
        with DAG("d"):
            BashOperator(task_id="t", bash_command="run.sh")
    """
    before = runtime.parse_text(bundle=tmp_path, text=text)
    assert set(before.dependencies) == {"dags/file.py", "dags/run.sh"}
    write(tmp_path, {"dags/run.sh": "echo {{ ts }}\n"})
    after = runtime.parse_text(bundle=tmp_path, text=text)
    assert before.dags[0].tasks[0].code_sha != after.dags[0].tasks[0].code_sha


def test_files_outside_the_bundle_are_no_dependencies(runtime: AirflowRuntime, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    told = runtime.parse_text(
        bundle=tmp_path / "bundle", text=HEAD + f"open({str(outside)!r}).read()\nd = DAG('d')\n"
    )
    assert set(told.dependencies) == {"dags/file.py"}
