"""The checks of `validate` that need no runtime: rules, policy, Ruff, credentials, differences, the three formats."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from launcher.validate.credentials import hard_coded
from launcher.validate.deployed import Change, NotCompared, Shape, compare, read_deployed, shapes_of
from launcher.validate.folder import FolderUnusable, pack
from launcher.validate.lint import lint
from launcher.validate.policy import against_policy
from launcher.validate.problems import Problem
from launcher.validate.rehearsal import sweep
from launcher.validate.rules import Rules, RulesWrong, read_rules
from launcher.validate.show import Verdict, as_github, as_json, as_text
from taskwire.dagspec import DagSpec, TaskSpec, TimetableSpec


def spec(**fields: object) -> DagSpec:
    tasks = fields.pop("tasks", [TaskSpec(task_id="t", operator="BashOperator")])
    timetable = TimetableSpec(kind="null", summary="None")
    return DagSpec(dag_id="d", relative_fileloc="dags/d.py", timetable=timetable, tasks=tasks, **fields)  # type: ignore[arg-type]


def write(root: Path, path: str, text: str) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    return root


def names(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.getnames()


def test_a_folder_outside_git_is_taken_whole(tmp_path: Path) -> None:
    write(tmp_path, "dags/a.py", "")
    write(tmp_path, "dags/__pycache__/a.pyc", "")
    assert names(pack(tmp_path)) == ["dags/a.py"]


def test_in_a_work_tree_what_git_ignores_stays_out(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    write(tmp_path, ".gitignore", "secret.env\n")
    write(tmp_path, "secret.env", "")
    write(tmp_path, "dags/a.py", "")
    assert names(pack(tmp_path)) == [".gitignore", "dags/a.py"]
    assert names(pack(tmp_path / "dags")) == ["a.py"]


def test_a_file_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(FolderUnusable, match="is not a folder"):
        pack(write(tmp_path, "a.py", "") / "a.py")


def test_without_a_file_the_rules_are_the_defaults(tmp_path: Path) -> None:
    assert read_rules(tmp_path) == Rules()


def test_the_rules_come_from_either_file(tmp_path: Path) -> None:
    write(tmp_path, "pyproject.toml", "[tool.aerodrome.policy]\nowner = 'error'\n")
    assert read_rules(tmp_path) == Rules(owner="error")
    write(tmp_path, "aerodrome.toml", "[policy]\nmax_retries = 2\n[validate]\nlint = 'off'\n")
    assert read_rules(tmp_path) == Rules(max_retries=2, lint="off")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[policy]\nowner = 'yes'\n", "owner must be one of off, warn, error"),
        ("[policy]\nowners = 'warn'\n", "'owners' is unknown in \\[policy\\]"),
        ("[polcy]\nowner = 'warn'\n", "\\[polcy\\] is unknown"),
        ("[policy]\nmax_retries = -1\n", "max_retries must be a whole number"),
        ("[policy\n", "cannot be read"),
    ],
)
def test_rules_that_cannot_be_followed_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RulesWrong, match=said):
        read_rules(write(tmp_path, "aerodrome.toml", text))


ALL = Rules(owner="error", timeout="warn", retries="warn", max_retries=5)


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (spec(), ["owner", "timeout"]),
        (spec(dagrun_timeout_seconds=60.0), ["owner"]),
        (
            spec(tasks=[TaskSpec(task_id="t", operator="X", owner="ann", execution_timeout_seconds=1.0)]),
            [],
        ),
        (spec(tasks=[TaskSpec(task_id="t", operator="X", owner="airflow", is_empty=True)]), ["owner"]),
        (
            spec(
                dagrun_timeout_seconds=1.0, tasks=[TaskSpec(task_id="t", operator="X", owner="a", retries=6)]
            ),
            ["retries"],
        ),
        (
            spec(
                dagrun_timeout_seconds=1.0, tasks=[TaskSpec(task_id="t", operator="X", owner="a", retries=5)]
            ),
            [],
        ),
    ],
)
def test_policy(found: DagSpec, codes: list[str]) -> None:
    told = list(against_policy(accepted={"d": found}, rules=ALL))
    assert [each.code.removeprefix("AERO-POLICY-") for each in told] == codes
    assert all(each.path == "dags/d.py" for each in told)
    assert list(against_policy(accepted={"d": found}, rules=Rules(retries="off"))) == []


def test_ruff_is_not_repeated_for_what_the_runtime_told(tmp_path: Path) -> None:
    write(tmp_path, "dags/a.py", "from airflow import DAG\nDAG('d', schedule_interval=None, concurrency=1)\n")
    told = Problem("warning", "AERO-SHIM-concurrency", "dags/a.py", 2, "concurrency= is Airflow 2's")
    found = lint(bundle=tmp_path, level="warning", known=[told])
    assert {("AIR301", "`schedule_interval` is removed in Airflow 3.0")} <= {
        (e.code, e.message) for e in found
    }
    assert not [each for each in found if "concurrency" in each.message]


def test_credentials_are_told_by_kind_and_line_alone(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7" + "EXAMPLF"
    text = f'a = 1\nkey = "{key}"\npassword = "{{{{ conn.x.password }}}}"\nother = "{key}"  # pragma: allowlist secret\n'
    write(tmp_path, "dags/a.py", text)
    write(tmp_path, "id_rsa", "-----BEGIN RSA PRIVATE KEY-----\n")
    found = list(hard_coded(bundle=tmp_path, files=["dags/a.py", "id_rsa"], level="error"))
    assert [(each.path, each.line, each.level) for each in found] == [
        ("dags/a.py", 2, "error"),
        ("id_rsa", 1, "error"),
    ]
    assert key not in repr(found)


def test_a_guess_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "db_password = 'hunter2hunter2'\n")
    (found,) = hard_coded(bundle=tmp_path, files=["a.py"], level="error")
    assert found.level == "warning"


OLD = {
    "gone": Shape("None", {}),
    "same": Shape("None", {"a": []}),
    "d": Shape("0 0 * * *", {"a": ["b"], "b": [], "c": []}),
}


def test_differences_are_dags_tasks_edges_and_schedules() -> None:
    here = {
        "same": OLD["same"],
        "new": Shape("None", {"a": []}),
        "d": Shape("0 1 * * *", {"a": [], "b": ["e"], "e": []}),
    }
    assert compare(deployed=OLD, here=here) == [
        Change(
            "d",
            "changed",
            [
                "schedule 0 0 * * * -> 0 1 * * *",
                "task c removed",
                "task e added",
                "edge a >> b removed",
                "edge b >> e added",
            ],
        ),
        Change("gone", "removed", []),
        Change("new", "added", ["1 tasks, schedule None"]),
    ]
    assert compare(deployed=OLD, here=OLD) == []


@pytest.fixture
def api() -> Iterator[str]:
    """Two pages of one DAG each, as the public API answers a caller with the token `right`."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["Authorization"] == "Bearer right"
            self.send_response(200 if allowed else 401)
            self.end_headers()
            offset = int(self.path.partition("offset=")[2].partition("&")[0] or 0)
            dags = [{"dag_id": f"d/{offset}", "timetable_summary": None}] if offset < 2 else []
            tasks = [
                {"task_id": "a", "downstream_task_ids": ["b"]},
                {"task_id": "b", "downstream_task_ids": []},
            ]
            is_tasks = self.path.endswith("/tasks")
            body = {"tasks": tasks} if is_tasks else {"dags": dags, "total_entries": 2}
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/t/acme"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_deployed_is_read_page_by_page(api: str) -> None:
    shape = Shape("None", {"a": ["b"], "b": []})
    assert read_deployed(source=api, token="right") == {"d/0": shape, "d/1": shape}


def test_a_wrong_token_is_said(api: str) -> None:
    with pytest.raises(NotCompared, match=r"answered 401 .*--token"):
        read_deployed(source=api, token="wrong")


def test_a_verdict_in_a_file_can_be_compared_with(tmp_path: Path) -> None:
    verdict = Verdict(shapes_of({"d": spec()}), [], None, 0.1)
    (tmp_path / "v.json").write_text(as_json(verdict))
    assert read_deployed(source=str(tmp_path / "v.json"), token=None) == verdict.dags
    with pytest.raises(NotCompared, match="is not what"):
        read_deployed(source=str(write(tmp_path, "w.json", "[]") / "w.json"), token=None)


PROBLEMS = [
    Problem("error", "AERO-IMPORT-cycle", "dags/a,b.py", 3, "a cycle: 100%\nreally", "cut it"),
    Problem("warning", "AIR301", "", 0, "old"),
]


def test_the_formats() -> None:
    verdict = Verdict({"d": Shape("None", {})}, PROBLEMS, [], 1.25)
    text = list(as_text(verdict))
    assert text[0] == "error  dags/a,b.py:3  a cycle: 100%\nreally  [AERO-IMPORT-cycle]"
    assert text[-1] == "1 DAG, 1 error, 1 warning, nothing changed; 1.2 s"
    github = list(as_github(verdict))
    assert github[0].startswith(
        "::error file=dags/a%2Cb.py,line=3,title=AERO-IMPORT-cycle::a cycle: 100%25%0Areally"
    )
    assert github[1] == "::warning title=AIR301::old"
    assert json.loads(as_json(verdict))["problems"][0]["line"] == 3


def test_warnings_refuse_only_when_strict() -> None:
    verdict = Verdict({}, PROBLEMS[1:], None, 0.0)
    assert (verdict.is_refused(strict=False), verdict.is_refused(strict=True)) == (False, True)
    assert Verdict({}, PROBLEMS, None, 0.0).is_refused(strict=False)


def test_folders_of_killed_checks_are_taken_away(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / "uids").mkdir()
    kept = [f"bundle-{os.getpid()}-x", f"run-{os.getpid()}", "site"]
    for name in (*kept, f"bundle-{dead.pid}-y", f"run-{dead.pid}"):
        (tmp_path / name).mkdir()
    (tmp_path / f"run-{dead.pid}" / "uids").symlink_to(tmp_path / "uids")
    (tmp_path / "uids" / "200000").touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "uids"])
    assert (tmp_path / "uids" / "200000").exists()
