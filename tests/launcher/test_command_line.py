"""The commands as a person types them: help, refusals without tracebacks, exit statuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.__main__ import COMMANDS
from launcher.lock_files import LockNotMade, make_lock

ROOT = Path(__file__).resolve().parents[2]


def _run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/", "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "launcher", *arguments]
    return subprocess.run(
        command, cwd="/", env=environment | variables, capture_output=True, text=True, check=False
    )


def test_help_lists_every_command() -> None:
    answer = _run("--help")
    assert answer.returncode == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in answer.stdout] == []
    assert _run().stdout == answer.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_own_help(command: str) -> None:
    answer = _run(command, "--help")
    assert answer.returncode == 0 and answer.stdout.startswith(f"usage: aerodrome {command}")


def test_an_unknown_command_is_refused_with_the_list() -> None:
    answer = _run("fly")
    assert answer.returncode == 2 and "'fly'" in answer.stderr and "demo" in answer.stderr


def test_a_wrong_setting_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    answer = _run("status", AERODROME_DATA=str(tmp_path), AERODROME_BIND="everywhere")
    assert answer.returncode == 1
    assert answer.stderr.startswith("aerodrome: AERODROME_BIND") and "Traceback" not in answer.stderr


def test_status_of_nothing_is_stopped(tmp_path: Path) -> None:
    answer = _run("status", "--json", AERODROME_DATA=str(tmp_path))
    assert answer.returncode == 3
    assert json.loads(answer.stdout) == {"state": "stopped", "data_dir": str(tmp_path), "processes": []}
    assert "stopped" in _run("status", AERODROME_DATA=str(tmp_path)).stdout
    assert _run("down", AERODROME_DATA=str(tmp_path)).stdout.startswith("No stack runs")


def test_verifying_the_audit_of_nothing_says_that_nothing_runs(tmp_path: Path) -> None:
    answer = _run("verify-audit", AERODROME_DATA=str(tmp_path))
    assert answer.returncode == 3 and "aerodrome up" in answer.stderr


def test_version_names_what_is_inside() -> None:
    words = _run("version").stdout
    assert all(name in words for name in ("aerodrome ", "python ", "postgres ", "airflow "))


def test_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    healthy = _run("doctor", "--json", AERODROME_DATA=str(tmp_path / "data"))
    findings = {row["name"]: row for row in json.loads(healthy.stdout)}
    assert findings["git"]["verdict"] == findings["git http-backend"]["verdict"] == "ok"
    assert findings["Postgres"]["verdict"] == findings["Redis"]["verdict"] == "ok"
    assert "isolation" in findings
    without_git = _run("doctor", "--json", AERODROME_DATA=str(tmp_path / "data"), PATH=str(tmp_path))
    assert without_git.returncode == 1
    missing = {row["name"]: row for row in json.loads(without_git.stdout)}
    assert missing["git"]["verdict"] == missing["git http-backend"]["verdict"] == "fail"
    assert "apt install git" in missing["git"]["mend"]


def test_doctor_says_that_a_database_does_not_answer(tmp_path: Path) -> None:
    urls = {
        f"AERODROME_DATABASE_{part}URL": f"postgresql://a:b@/d?host={tmp_path}"
        for part in ("", "OWNER_", "SCHED_", "AUTH_")
    }
    answer = _run("doctor", AERODROME_DATA=str(tmp_path / "data"), **urls)
    assert answer.returncode == 1 and "prepare-database" in answer.stdout


def test_only_some_commands_take_arguments_they_do_not_know() -> None:
    assert _run("down", "--now").returncode == 2
    chosen = _run(
        "test",
        "tests/launcher/test_command_line.py",
        "-q",
        "--collect-only",
        "-k",
        "lists_every",
        AERODROME_TEST_RUNTIME=sys.executable,
    )
    assert chosen.returncode == 0 and "test_help_lists_every_command" in chosen.stdout
    assert "1/" in chosen.stdout.splitlines()[-1]


def test_bench_lists_what_there_is_and_refuses_the_rest() -> None:
    answer = _run("bench", "no-such-thing")
    assert answer.returncode == 2 and "no_such_thing" in answer.stdout


def test_a_lock_that_would_hold_an_address_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "a.in").write_text("something @ file:///nowhere/something.whl\n")
    (tmp_path / "a.lock").write_text("# the old one\n")
    with pytest.raises(LockNotMade):
        make_lock(checkout=tmp_path, source="a.in", target="a.lock")
    assert (tmp_path / "a.lock").read_text() == "# the old one\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.in", "a.lock"]
