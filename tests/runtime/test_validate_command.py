"""`./aerodrome validate` as pre-commit and CI call it: exit status, formats, and a build of the seeds in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.runtime.conftest import make_passable
from tests.support.airflow_runtime import REPOSITORY, write
from tests.support.base_runtime import furnish_base

GOOD = """from airflow.sdk import dag, task
@dag(schedule='@daily', tags=['x'])
def good():
    @task(retries=9)
    def t(): ...
    t()
good()
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = tmp_path_factory.mktemp("data")
    make_passable(data)
    data.chmod(0o755)
    furnish_base(runtimes=data / "agent" / "runtimes")
    roots = f"{REPOSITORY}/platform:{REPOSITORY}"
    environment = {**os.environ, "PYTHONPATH": roots, "AERODROME_DATA": str(data)}

    def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "launcher", *arguments]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return run


def test_a_good_folder_is_accepted_and_its_warnings_told(validate: Run, tmp_path: Path) -> None:
    write(tmp_path, {"dags/good.py": GOOD})
    done = validate("validate", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        "warn   dags/good.py  DAG 'good': task 't' with more than 5 retries  [AERO-POLICY-retries]"
        in done.stdout
    )
    assert done.stdout.splitlines()[-1].startswith("1 DAG, 1 warning; ")
    strict = validate("validate", "--strict", cwd=tmp_path)
    assert strict.returncode == 1


def test_what_is_wrong_refuses_and_is_told_in_every_format(validate: Run, tmp_path: Path) -> None:
    write(tmp_path, {"dags/good.py": GOOD, "dags/bad.py": "from airflow.sdk import DAG\nimport nowhere\n"})
    before = tmp_path / "before.json"
    done = validate("validate", ".", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert list(told["dags"]) == ["good"]
    assert [(each["path"], each["line"]) for each in told["problems"] if each["level"] == "error"] == [
        ("dags/bad.py", 2)
    ]
    before.write_text(done.stdout)
    write(tmp_path, {"dags/good.py": GOOD.replace("@daily", "@hourly")})
    done = validate("validate", ".", "--format", "github", cwd=tmp_path)
    assert "::error file=dags/bad.py,line=2,title=AERO-IMPORT-exception::ModuleNotFoundError" in done.stdout
    done = validate("validate", ".", "--against", str(before), cwd=tmp_path)
    assert "changed  good\n         schedule 0 0 * * * -> 0 * * * *" in done.stdout


def test_what_cannot_be_checked_is_2(validate: Run, tmp_path: Path) -> None:
    missing = validate("validate", str(tmp_path / "absent"), cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "is not a folder" in missing.stderr
    write(tmp_path, {"dags/good.py": GOOD, "aerodrome.toml": "[policy]\nowner = 'maybe'\n"})
    assert validate("validate", cwd=tmp_path).returncode == 2
    assert (
        validate("validate", "--against", "http://127.0.0.1:9/t/x", cwd=write_and_be(tmp_path)).returncode
        == 2
    )


def write_and_be(root: Path) -> Path:
    (root / "aerodrome.toml").unlink()
    return root


def test_the_hook_of_pre_commit(validate: Run, tmp_path: Path) -> None:
    """As pre-commit runs it: the entry with its arguments, in the root of the author's repository."""
    (hook,) = yaml.safe_load((REPOSITORY / ".pre-commit-hooks.yaml").read_text())
    assert (REPOSITORY / hook["entry"]).stat().st_mode & 0o111
    assert (hook["language"], hook["pass_filenames"]) == ("script", False)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, {"dags/good.py": GOOD, "dags/broken.py": "from airflow.sdk import DAG\n(\n"})
    assert validate(*hook["args"], cwd=tmp_path).returncode == 1
    (tmp_path / "dags" / "broken.py").unlink()
    assert validate(*hook["args"], cwd=tmp_path).returncode == 0


@pytest.mark.heavy
def test_the_seeds_take_less_than_ten_seconds(validate: Run, tmp_path: Path) -> None:
    seeds = REPOSITORY / "tests/fixtures/seeds"
    validate("validate", str(seeds), cwd=tmp_path)
    done = validate("validate", str(seeds), "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["seconds"] < 10
