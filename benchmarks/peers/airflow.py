"""Airflow 3.3.2 with LocalExecutor, tuned: api-server, scheduler and dag-processor beside a Postgres of its own.

The database is the same embedded build as ours with the same settings (fsync and synchronous_commit on), in a
cluster made for this bench and removed at its end. DAGs come by its dags folder, runs are triggered by REST.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg2

from benchmarks.peers.airflow_environment import HOST, ensure_environment, settings
from benchmarks.peers.rest import ApiRefused, Rest
from launcher.child import die_with_parent
from launcher.embedded import postgres
from launcher.secret_files import read_secret
from launcher.settings import read_settings
from launcher.testing import running_server

CHECKOUT = Path(__file__).resolve().parents[2]
COMPONENTS = ("api-server", "scheduler", "dag-processor")
START_SECONDS, PUBLISH_SECONDS = 180.0, 180.0
WORKERS = "workers, tasks"


class AirflowDidNotStart(Exception):
    """A component ended or was never healthy; the message holds the end of its log."""


class Airflow:
    """``System`` for Airflow."""

    name = "airflow"

    def __init__(self, *, home: Path, port: int, pids: dict[int, str], database: dict[str, object]) -> None:
        self.home, self._pids, self._database = home, pids, database
        self._rest = Rest(base_url=f"http://{HOST}:{port}")

    @property
    def rest(self) -> Rest:
        return self._rest

    def publish(self, files: Mapping[str, Path], *, dag_ids: list[str]) -> None:
        for name, path in files.items():
            shutil.copy(path, self.home / "dags" / Path(name).name)
        deadline = time.monotonic() + PUBLISH_SECONDS
        for dag_id in dag_ids:
            while self.rest.find_dag(dag_id) is None:
                if time.monotonic() > deadline:
                    raise AirflowDidNotStart(f"{dag_id} was not parsed in {PUBLISH_SECONDS:.0f} s")
                time.sleep(0.5)
            self.rest.unpause(dag_id)

    def roots(self) -> dict[int, str]:
        return self._pids

    def label(self, command: str) -> str | None:
        return WORKERS if command.startswith(("airflow worker", "airflow task")) else None

    def reaped_as(self, name: str) -> str:
        return name

    def database(self) -> dict[str, object] | None:
        return self._database


@contextmanager
def open_airflow() -> Iterator[Airflow]:
    """A fresh Airflow; everything of it but its environment is gone at the end."""
    base = read_settings(environment=os.environ, checkout=CHECKOUT).data / "bench" / "airflow"
    base.mkdir(parents=True, exist_ok=True)
    python = ensure_environment(base)
    home = base / f"run-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    (home / "dags").mkdir(parents=True)
    home.chmod(0o711)
    try:
        with ExitStack() as stack:
            cluster = postgres.open_cluster(
                home=home / "postgres", copies=base / "software", password_file=home / "superuser"
            )
            database_pid = stack.enter_context(
                running_server(
                    command=cluster.command(),
                    account=cluster.account,
                    is_ready=lambda: postgres.is_answering(cluster=cluster),
                    log_file=home / "postgres.log",
                    stop_signal=signal.SIGINT,
                )
            )
            arguments = cluster.connect_arguments()
            _create_database(arguments)
            port = _free_port()
            environment = settings(
                home=home,
                socket=cluster.socket_folder,
                password=read_secret(path=cluster.superuser_password_file),
                port=port,
                secret=secrets.token_urlsafe(32),
            )
            _run(python, environment, home, "db", "migrate")
            pids = {database_pid: "postgres"}
            for component in COMPONENTS:
                pids[stack.enter_context(_component(python, environment, home, component))] = component
            airflow = Airflow(home=home, port=port, pids=pids, database={**arguments, "dbname": "airflow"})
            _wait_healthy(airflow)
            yield airflow
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _create_database(arguments: Mapping[str, object]) -> None:
    link = psycopg2.connect(**arguments)  # type: ignore[call-overload]
    link.autocommit = True
    with link.cursor() as cursor:
        cursor.execute("CREATE DATABASE airflow")
    link.close()


def _run(python: Path, environment: dict[str, str], home: Path, *words: str) -> None:
    command = [str(python), "-m", "airflow", *words]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AirflowDidNotStart(f"airflow {' '.join(words)}: {done.stderr[-3000:]}")


@contextmanager
def _component(python: Path, environment: dict[str, str], home: Path, name: str) -> Iterator[int]:
    with (home / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(python), "-m", "airflow", name], env=environment, cwd=home, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM, parent=os.getpid()),
        )  # fmt: skip
    try:
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def _wait_healthy(airflow: Airflow) -> None:
    print("  waiting for Airflow", file=sys.stderr, flush=True)
    deadline = time.monotonic() + START_SECONDS
    while True:
        with suppress(OSError, ApiRefused):
            if not airflow.rest.token:
                airflow.rest.token = airflow.rest.call("GET", "/auth/token")["access_token"]
            health = airflow.rest.call("GET", "/api/v2/monitor/health")
            if all(
                health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")
            ):
                return
        if time.monotonic() > deadline:
            logs = "\n".join((airflow.home / f"{name}.log").read_text()[-1500:] for name in COMPONENTS)
            raise AirflowDidNotStart(f"not healthy in {START_SECONDS:.0f} s:\n{logs}")
        time.sleep(0.5)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])
