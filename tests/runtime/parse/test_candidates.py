from pathlib import Path

from tests.support.airflow_runtime import AirflowRuntime, write

DAG_TEXT = "from airflow import DAG\n"


def test_only_files_that_may_hold_dags(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "dags/one.py": DAG_TEXT,
            "dags/deep/two.py": "import airflow  # makes an Asset\n",
            "dags/helper.py": "x = 1\n",
            "dags/notes.txt": DAG_TEXT,
            "dags/__pycache__/one.py": DAG_TEXT,
            "dags/.hidden/three.py": DAG_TEXT,
            "plugins/plugin.py": DAG_TEXT,
        },
    )
    assert runtime.candidates(bundle=tmp_path) == ["dags/deep/two.py", "dags/one.py"]


def test_the_whole_bundle_when_it_has_no_dags_folder(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(tmp_path, {"one.py": DAG_TEXT, "team/two.py": DAG_TEXT})
    assert runtime.candidates(bundle=tmp_path) == ["one.py", "team/two.py"]


def test_airflowignore_is_obeyed(runtime: AirflowRuntime, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "dags/.airflowignore": "drafts/\n*_old.py\n",
            "dags/drafts/one.py": DAG_TEXT,
            "dags/two_old.py": DAG_TEXT,
            "dags/three.py": DAG_TEXT,
        },
    )
    assert runtime.candidates(bundle=tmp_path) == ["dags/three.py"]


def test_symbolic_links_are_left_out(runtime: AirflowRuntime, tmp_path: Path) -> None:
    bundle, elsewhere = tmp_path / "bundle", tmp_path / "elsewhere"
    write(elsewhere, {"secret.py": DAG_TEXT})
    write(bundle, {"dags/real.py": DAG_TEXT})
    (bundle / "dags/file.py").symlink_to(elsewhere / "secret.py")
    (bundle / "dags/folder").symlink_to(elsewhere)
    assert runtime.candidates(bundle=bundle) == ["dags/real.py"]
