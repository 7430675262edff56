"""A tenant's task looks for a way out: at other processes, at the servers, at files, at secrets. There is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import processes_named
from tests.support.stack import Stack

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="attempts have uids and mounts of their own only when the agent is root"
)

PROWLER = r"""
    import os
    import socket
    import subprocess
    from pathlib import Path

    from airflow.sdk import dag, task


    def attempt(what):
        try:
            return what() or "done"
        except Exception as error:
            return f"refused: {type(error).__name__}"


    def connect(path):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(2)
            one.connect(path)


    def connect_tcp(host, port):
        socket.create_connection((host, port), timeout=2).close()


    @dag(schedule=None)
    def prowler():
        @task
        def prowls(dag_run=None):
            conf = dag_run.conf
            found = {}
            for name, path in conf["sockets"].items():
                found[f"socket {name}"] = attempt(lambda: connect(path))
                found[f"abstract {name}"] = attempt(lambda: connect("\0" + path))
            for name, path in conf["files"].items():
                found[f"file {name}"] = attempt(lambda: Path(path).read_bytes()[:20].decode(errors="replace"))
            for name, path in conf["folders"].items():
                found[f"folder {name}"] = attempt(lambda: ",".join(os.listdir(path)) or "empty")
            for name, pid in conf["pids"].items():
                found[f"process {name}"] = attempt(lambda: Path(f"/proc/{pid}/cmdline").read_text())
                found[f"signal {name}"] = attempt(lambda: os.kill(pid, 0))
            for name, port in conf["ports"].items():
                found[f"port {name}"] = attempt(lambda: connect_tcp("127.0.0.1", port))
            found["written to the bundle"] = attempt(lambda: Path(__file__).write_text("changed"))
            return found

        @task
        def tells_what_it_has():
            words = [*os.environ, *os.environ.values()]
            fds = []
            for fd in os.listdir("/proc/self/fd"):
                try:
                    fds.append(os.readlink(f"/proc/self/fd/{fd}"))
                except OSError:
                    pass
            own = attempt(Path("/proc/self/cmdline").read_text) + attempt(Path("/proc/self/environ").read_text)
            return {"words": words, "fds": fds, "own": own.replace("\0", " "), "uid": os.getuid()}

        @task
        def leaves_a_daemon():
            subprocess.Popen(["sleep", "98713"], start_new_session=True)
            pid = os.fork()
            if pid == 0:
                os.setsid()
                if os.fork() == 0:
                    os.execvp("sleep", ["sleep", "98714"])
                os._exit(0)
            os.waitpid(pid, 0)
            return "left"

        prowls(), tells_what_it_has(), leaves_a_daemon()


    prowler()
"""
NEIGHBOUR = """
    from airflow.sdk import dag, task

    @dag(schedule=None)
    def neighbour():
        @task
        def quiet():
            return "in the neighbour's words"
        quiet()

    neighbour()
"""


@dataclass(frozen=True)
class Findings:
    stack: Stack
    prowls: dict[str, str]
    has: dict[str, Any]
    asked: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def findings(_shared_stack: Stack) -> Iterator[Findings]:
    stack = _shared_stack
    neighbour, tenant = stack.sign_up(), stack.sign_up()
    neighbour.deploy({"dags/neighbour.py": NEIGHBOUR}, "neighbour")
    quiet = neighbour.trigger("neighbour")
    assert neighbour.until_over(quiet) == ["success"]
    ((digest,),) = neighbour.rows("SELECT digest FROM bundle_version")
    data, facts = stack.data, stack.facts
    asked: dict[str, dict[str, Any]] = {
        "sockets": {
            "gateway": facts["gateway_socket"],
            "postgres": str(next((data / "postgres").rglob(".s.PGSQL.*[0-9]"))),
            "valkey": str(next(path for path in (data / "valkey").rglob("*") if path.is_socket())),
        },
        "files": {
            "agent token": str(data / "secrets" / "agent.token"),
            "encryption key": str(data / "secrets" / "encryption-key"),
            "status": str(data / "run" / "status.json"),
            "shadow": "/etc/shadow",
            "neighbour's DAG": str(data / "agent" / "bundles" / digest / "dags" / "neighbour.py"),
        },
        "folders": {
            name: str(data / name)
            for name in ("store", "git", "secrets", "run", "logs", "postgres", "agent/spool")
        }
        | {"neighbour": str(data / "agent" / "bundles" / digest)},
        "pids": {name: stack.pid(name) for name in ("agent", "web", "gateway", "scheduler")},
        "ports": {"web": int(stack.base_url.rpartition(":")[2])},
    }
    for kind in ("sockets", "files", "folders"):
        for path in asked[kind].values():
            assert Path(path).exists(), f"{path}: what does not exist refuses nothing"
    tenant.deploy({"dags/prowler.py": PROWLER}, "prowler")
    run = tenant.trigger("prowler", conf=asked)
    assert tenant.until_over(run) == ["success"], [tenant.log(run, t) for t in tenant.states(run)]
    yield Findings(stack, tenant.xcom(run, "prowls"), tenant.xcom(run, "tells_what_it_has"), asked)


@pytest.mark.parametrize(
    "kind", ["socket", "abstract", "file", "folder", "process", "signal", "port", "written"]
)
def test_a_task_finds_no_way_out(findings: Findings, kind: str) -> None:
    tried = {name: said for name, said in findings.prowls.items() if name.startswith(f"{kind} ")}
    assert tried
    assert {name: said for name, said in tried.items() if not said.startswith("refused")} == {}


def test_a_task_holds_no_secret(findings: Findings) -> None:
    secrets = [
        path.read_text(errors="replace").strip()
        for path in (findings.stack.data / "secrets").iterdir()
        if path.is_file()
    ]
    assert len(secrets) >= 5
    held = " ".join([*findings.has["words"], findings.has["own"]])
    assert [secret[:6] for secret in secrets if secret in held] == []
    assert "eyJ" not in held, "the token of its try stays with the agent"
    assert findings.has["uid"] >= 1000
    strange = [
        fd
        for fd in findings.has["fds"]
        if not fd.startswith(("pipe:", "socket:", "/dev/", "/proc/", "anon_"))
    ]
    assert strange == []
    assert len([fd for fd in findings.has["fds"] if fd.startswith("socket:")]) <= 2


def test_a_daemon_ends_with_its_task(findings: Findings) -> None:
    for seconds in (b"98713", b"98714"):
        assert processes_named(b"sleep\0" + seconds) == []
