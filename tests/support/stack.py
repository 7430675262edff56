"""A whole running stack in a folder of its own: supervisor, Postgres (with fsync), Valkey, web, gateway, scheduler, agent.

`stack` is one per session. Tests may kill any process of it; they leave it healthy (`until_healthy`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest

from launcher.child import die_with_parent
from launcher.demo.http import DemoRefused, Door
from launcher.status_file import read_status
from launcher.stop import stop_stack
from tests.support.armed_supervisor import arming_file
from tests.support.authority import new_authority
from tests.support.base_runtime import furnish_base
from tests.support.stack_tenant import StackTenant

CHECKOUT = Path(__file__).resolve().parents[2]
PAUSE_SECONDS = 0.05
AUTHORITY = new_authority()
"""Whose Git hosts the session's stack believes, on this machine too."""
MORE_AIRFLOWS = "3.3.1"
"""Offered by the session's stack beside the first one; nothing is built unless it is asked for."""
Found = TypeVar("Found")


class StackFailed(AssertionError):
    """The stack did not start, or what was waited for did not come; with the ends of the logs."""


@dataclass(frozen=True)
class Stack:
    """`data` is its folder, `facts` the constant part of `status --json`."""

    data: Path
    facts: dict[str, Any]

    @property
    def base_url(self) -> str:
        return str(self.facts["base_url"])

    def door(self) -> Door:
        """The HTTP API, signed out."""
        return Door(base_url=self.base_url)

    def status(self) -> dict[str, Any]:
        return read_status(data=self.data, now=time.time())

    def process(self, name: str) -> dict[str, Any]:
        """The row of one process in `status --json`."""
        return next(row for row in self.status()["processes"] if row["name"] == name)

    def pid(self, name: str) -> int:
        found = self.process(name)["pid"]
        assert found, f"{name} does not run"
        return int(found)

    def kill(self, name: str) -> int:
        """SIGKILL; returns the pid that was."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def until(self, found: Callable[[], Found], what: str, *, seconds: float = 60.0) -> Found:
        """Ask until the answer is true; `what` is told when it never is. Refusals count as not yet."""
        end = time.monotonic() + seconds
        last: object = None
        while True:
            try:
                if answer := found():
                    return answer
            except (DemoRefused, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
                last = error
            if time.monotonic() > end:
                raise StackFailed(f"not within {seconds:.0f} s: {what}; last: {last}\n{self.told()}")
            time.sleep(PAUSE_SECONDS)

    def until_restarted(self, name: str, *, pid: int, seconds: float = 60.0) -> int:
        """The pid of the process that took the place of `pid`, once it is healthy."""

        def another() -> int | None:
            row = self.process(name)
            return row["pid"] if row["health"] == "healthy" and row["pid"] not in (None, pid) else None

        return self.until(another, f"{name} to be restarted", seconds=seconds)

    def until_healthy(self) -> None:
        """Every process answers again."""

        def all_well() -> bool:
            status = self.status()
            return status["state"] in ("running", "degraded") and all(
                row["health"] == "healthy" for row in status["processes"]
            )

        self.until(all_well, "every process to be healthy")

        def database_answers() -> bool:
            health = self.door().call("GET", "/t/-/api/v2/monitor/health")
            return bool(health["metadatabase"]["status"] == "healthy")

        self.until(database_answers, "the web server to reach the database")

    def crash_next(self, name: str, *, point: str, nth: int = 1) -> int:
        """Restart the process so that it dies at the nth passage of the crash point. The armed process's pid."""
        arming_file(data=self.data, process=name).write_text(f"{point}:{nth}")
        return self.until_restarted(name, pid=self.kill(name))

    def until_dead(self, pid: int, *, seconds: float = 60.0) -> None:
        self.until(lambda: not Path(f"/proc/{pid}/cwd").exists(), f"process {pid} to die", seconds=seconds)

    @contextmanager
    def database(self, role: str = "app") -> Iterator[Any]:
        """A cursor as the application's role (`app`), or `owner`, `sched`, `auth`; one transaction."""
        connection = psycopg2.connect(self.status()["database"][f"{role}_url"])
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def log(self, name: str) -> str:
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")

    def told(self) -> str:
        """The ends of all logs, for a failure's message."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted((self.data / "logs").glob("*.log"))
        )

    def sign_up(self) -> StackTenant:
        """A new tenant with a person who may do everything in it."""
        return StackTenant.signed_up(stack=self)


@contextmanager
def started_stack(*, data: Path | None = None, **variables: str) -> Iterator[Stack]:
    """A stack of its own, stopped in order at the end; `variables` are added to its environment."""
    room = Path(tempfile.mkdtemp(prefix="aerodrome-stack-"))
    room.chmod(0o711)  # servers' and tasks' accounts must be able to pass through
    folder = data or room / "data"
    furnish_base(runtimes=folder / "agent" / "runtimes")
    supervisor = _supervise(folder, room / "supervisor.log", variables)
    try:
        yield Stack(folder, _ready(supervisor, room / "supervisor.log"))
    finally:
        if supervisor.poll() is None:
            stop_stack(data=folder, tell=lambda _: None)
        if supervisor.stdout:
            supervisor.stdout.close()
        supervisor.wait(60)
        shutil.rmtree(room, ignore_errors=True)


def _supervise(data: Path, log: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AERODROME_", "DJANGO_"))
    }
    environment = kept | {
        "AERODROME_DATA": str(data),
        "AERODROME_AGENT_SLOTS": "4",
        "AERODROME_PUSH_WAIT_SECONDS": "10",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}",
        **variables,
    }
    read_end, write_end = os.pipe()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.armed_supervisor", str(write_end)],
            cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True,
            start_new_session=True, pass_fds=[write_end],
            preexec_fn=die_with_parent(signal.SIGTERM, parent=os.getpid()),
        )  # fmt: skip
    os.close(write_end)
    process.stdout = os.fdopen(read_end)
    return process


def _ready(supervisor: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    assert supervisor.stdout is not None
    line = supervisor.stdout.readline()
    if not line:
        raise StackFailed(f"the supervisor ended early:\n{log.read_text()[-4000:]}")
    event = json.loads(line)
    if "failed" in event:
        raise StackFailed(f"{event['failed']}\n{log.read_text()[-4000:]}")
    return dict(event["ready"])


@pytest.fixture(scope="session")
def _shared_stack() -> Iterator[Stack]:
    with started_stack(
        AERODROME_GIT_NETWORKS="127.0.0.0/8",
        AERODROME_GIT_CA=AUTHORITY.pem,
        AERODROME_RUNTIME_AIRFLOWS=MORE_AIRFLOWS,
    ) as running:
        yield running


@pytest.fixture
def stack(_shared_stack: Stack) -> Stack:
    """The session's stack, healthy."""
    _shared_stack.until_healthy()
    return _shared_stack


@pytest.fixture
def tenant(stack: Stack) -> StackTenant:
    """A tenant that only this test knows."""
    return stack.sign_up()
