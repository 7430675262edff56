"""One stack on one data folder: its status, its lock, and what a kill of each part leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from launcher import pids
from launcher.data_folder import find_holder
from launcher.status_file import read_status
from launcher.stop import stop_stack
from tests.launcher.as_account import needs_root, run_as
from tests.launcher.watched import watched

PROCESS_KEYS = {"name", "pid", "health", "restarts", "uptime_seconds", "log"}
STATUS_KEYS = {
    "base_url", "state", "database", "redis", "data_dir", "processes", "versions", "supervisor_pid",
    "gateway_socket",
}  # fmt: skip


def _status(folder: Path) -> dict[str, Any]:
    return read_status(data=folder, now=time.time())


def _pid(folder: Path, name: str) -> int:
    return int(next(row["pid"] for row in _status(folder)["processes"] if row["name"] == name))


def test_status_says_everything_about_a_running_stack(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        program.wait_ready()
        status = _status(open_folder)
        assert status["state"] == "running"
        assert set(status) == STATUS_KEYS
        assert set(status["database"]) == {
            "app_url", "owner_url", "sched_url", "auth_url", "embedded", "version"
        }  # fmt: skip
        assert status["database"]["embedded"] is True
        assert status["database"]["version"].startswith("18.")
        assert status["base_url"].startswith("http://127.0.0.1:")
        assert status["supervisor_pid"] == program.child.pid
        assert json.loads(json.dumps(status)) == status
        assert [row["name"] for row in status["processes"]] == ["postgres", "valkey", "web"]
        for row in status["processes"]:
            assert set(row) == PROCESS_KEYS
            assert row["health"] == "healthy" and pids.is_alive(pid=row["pid"])
            assert Path(row["log"]).exists()
        with closing(psycopg2.connect(status["database"]["app_url"])) as connection:
            assert connection.info.user == "aerodrome_app"
    assert _status(open_folder) == {"state": "stopped", "data_dir": str(open_folder), "processes": []}


def test_a_second_stack_is_refused_by_name(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        program.wait_ready()
        before = _status(open_folder)["processes"][0]["pid"]
        environment = {**os.environ, "AERODROME_DATA": str(open_folder)}
        answer = _launcher("up", environment)
        assert answer.returncode == 1
        assert f"process {program.child.pid}" in answer.stderr and "AERODROME_DATA" in answer.stderr
        assert "Traceback" not in answer.stderr
        assert _launcher("up", environment, "--detach").returncode == 1
        assert _pid(open_folder, "postgres") == before


def test_down_stops_it_and_a_later_start_finds_the_rows(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        facts = program.wait_ready()["ready"]
        _make_rows(facts["database"]["owner_url"])
        assert stop_stack(data=open_folder, tell=print)
        assert program.end() == 0
    assert not stop_stack(data=open_folder, tell=print)
    with watched("stack", open_folder) as program:
        again = program.wait_ready()["ready"]
        assert again == facts  # the same port, passwords and places
        assert _count_rows(again["database"]["app_url"]) == 100


def test_a_killed_postgres_comes_back_with_its_rows(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        facts = program.wait_ready()["ready"]
        _make_rows(facts["database"]["owner_url"])
        os.kill(_pid(open_folder, "postgres"), signal.SIGKILL)
        program.wait_for(lambda event: "postgres ready" in event.get("tell", ""))
        assert _count_rows(facts["database"]["app_url"]) == 100


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        facts = program.wait_ready()["ready"]
        _make_rows(facts["database"]["owner_url"])
        left = [row["pid"] for row in _status(open_folder)["processes"]]
        assert len(left) == 3
        program.child.kill()
        program.child.wait()
        assert find_holder(data=open_folder) is None
        with watched("stack", open_folder) as second:
            second.wait_ready()
            assert not any(pids.is_alive(pid=pid) for pid in left)
            assert _count_rows(facts["database"]["app_url"]) == 100


@needs_root
def test_another_account_sees_nothing_of_the_data_folder(open_folder: Path) -> None:
    with watched("stack", open_folder) as program:
        program.wait_ready()
        parts = [path for path in open_folder.iterdir() if path.is_dir()]

        def list_all() -> dict[str, bool]:
            return {path.name: os.access(path, os.R_OK | os.X_OK) for path in parts}

        assert {name for name, may in run_as("nobody", list_all).items() if may} == {"software"}
        assert not run_as("nobody", lambda: os.access(open_folder, os.R_OK))
    assert {path.name for path in parts} == {
        "agent", "git", "logs", "postgres", "run", "secrets", "software", "store", "valkey",
    }  # fmt: skip


def _launcher(command: str, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-P", "-m", "launcher", command, *arguments],
        env=environment | {"PYTHONPATH": f"{root / 'platform'}:{root}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def _make_rows(owner_url: str) -> None:
    with closing(psycopg2.connect(owner_url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS a")
        cursor.execute("GRANT USAGE ON SCHEMA public TO aerodrome_app; GRANT SELECT ON kept TO aerodrome_app")


def _count_rows(app_url: str) -> int:
    with closing(psycopg2.connect(app_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.kept")
        row = cursor.fetchone()
    return int(row[0]) if row else -1
