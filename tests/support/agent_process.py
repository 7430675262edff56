"""The real agent as a process beside a fake gateway, and workloads for it."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import uuid
from pathlib import Path
from typing import Any

from taskwire.workload import BundleRef, CallbackWork, Limits, TaskWork, TriggerWork, Workload
from tests.support.fake_gateway import FakeGateway

ROOT = Path(__file__).resolve().parents[2]
TENANT = "0193f0f0-0000-7000-8000-00000000000a"
RUNTIME = "runtime-under-test"


def tar_of(files: dict[str, str]) -> bytes:
    """A bundle artefact with these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in sorted(files.items()):
            data = text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


class AgentProcess:
    """Starts on construction; `stop` ends it in good order, `kill` does not."""

    def __init__(
        self,
        *,
        gateway: FakeGateway,
        directory: Path,
        runtime: Path,
        slots: int = 2,
        extra: dict[str, str] | None = None,
    ) -> None:
        self.gateway = gateway
        self.directory = directory
        (directory / "runtimes").mkdir(parents=True, exist_ok=True)
        link = directory / "runtimes" / RUNTIME
        if not link.exists():
            link.symlink_to(runtime)
        token = directory / "token"
        token.write_text(gateway.token)
        self.output = directory / "agent.log"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT / 'platform'}",
            "AERODROME_AGENT_URL": gateway.url,
            "AERODROME_AGENT_EXECUTION_URL": f"{gateway.url}/execution",
            "AERODROME_AGENT_TOKEN_FILE": str(token),
            "AERODROME_AGENT_SLOTS": str(slots),
            "AERODROME_AGENT_DIR": str(directory),
            "AERODROME_AGENT_NAME": "agent-under-test",
            "AERODROME_LOG_LEVEL": "INFO",
            "SECRET_OF_THE_AGENT": "must-not-be-seen",
            **(extra or {}),
        }
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "aerodrome_runtime.agent"],
                env=environment,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


class Works:
    """Makes task workloads of one bundle and puts the bundle into the gateway."""

    def __init__(self, gateway: FakeGateway, files: dict[str, str]) -> None:
        artefact = tar_of(files)
        self.digest = hashlib.sha256(artefact).hexdigest()
        gateway.bundles[self.digest] = artefact

    def task(
        self,
        *,
        dag_id: str,
        task_id: str,
        path: str = "dags.py",
        should_retry: bool = False,
        limits: Limits | None = None,
        epoch: int = 1,
        context: dict[str, Any] | None = None,
        **more: Any,
    ) -> Workload:
        id = str(uuid.uuid4())
        instant = "2026-01-01T00:00:00+00:00"
        dag_run = _dag_run(dag_id, instant, "running")
        return Workload(
            id=id,
            tenant_id=TENANT,
            tenant="acme",
            epoch=epoch,
            kind="task",
            runtime_digest=RUNTIME,
            bundle=BundleRef(digest=self.digest),
            limits=limits or Limits(),
            task=TaskWork(
                ti={
                    "id": id,
                    "task_id": task_id,
                    "dag_id": dag_id,
                    "run_id": "manual__1",
                    "try_number": 1,
                    "map_index": -1,
                    "dag_version_id": str(uuid.uuid4()),
                },
                ti_context={
                    "dag_run": dag_run,
                    "max_tries": 1 if should_retry else 0,
                    "should_retry": should_retry,
                    **(context or {}),
                },
                dag_rel_path=path,
                dag_version="v1",
                token=f"token-of-{id}",
                log_key=f"{id}/1.log",
                started_at=instant,
                **more,
            ),
        )

    def trigger(self, *, classpath: str, kwargs: Any = None, watches: bool = False, **more: Any) -> Workload:
        """A trigger of a deferred task, or of an asset watcher."""
        id = str(uuid.uuid4())
        ti = {
            "id": id,
            "task_id": "waits",
            "dag_id": "defers",
            "run_id": "manual__1",
            "try_number": 1,
            "map_index": -1,
            "dag_version_id": str(uuid.uuid4()),
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
        }
        order = TriggerWork(
            classpath=classpath,
            kwargs=kwargs or {},
            ti=None if watches else ti,
            token=f"token-of-{id}",
            log_key="" if watches else f"{id}/1.log",
            **more,
        )
        return Workload(
            id=id,
            tenant_id=TENANT,
            tenant="acme",
            epoch=1,
            kind="trigger",
            runtime_digest=RUNTIME,
            bundle=BundleRef(digest=self.digest),
            trigger=order,
        )

    def callback(
        self,
        *,
        kind: str,
        dag_id: str,
        task_id: str | None = None,
        path: str = "dags.py",
        epoch: int = 1,
        limits: Limits | None = None,
        **more: Any,
    ) -> Workload:
        """A callback that the control plane owes."""
        id = str(uuid.uuid4())
        instant = "2026-01-01T00:00:00+00:00"
        ti = {
            "id": str(uuid.uuid4()),
            "task_id": task_id,
            "dag_id": dag_id,
            "run_id": "manual__1",
            "try_number": 1,
            "map_index": -1,
            "dag_version_id": str(uuid.uuid4()),
            "hostname": "host-of-the-dead",
        }
        order: dict[str, Any] = {
            "kind": kind,
            "dag_id": dag_id,
            "run_id": "manual__1",
            "ti": ti if task_id else None,
            "started_at": instant,
            "ended_at": instant,
            "dag_run": _dag_run(dag_id, instant, "failed"),
            "dag_rel_path": path,
            "dag_version": "v1",
            "token": f"token-of-{id}",
            "log_key": f"{id}/callback.log",
            "base_url": "https://aerodrome.example/t/acme",
        }
        return Workload(
            id=id,
            tenant_id=TENANT,
            tenant="acme",
            epoch=epoch,
            kind="callback",
            runtime_digest=RUNTIME,
            bundle=BundleRef(digest=self.digest),
            limits=limits or Limits(),
            callback=CallbackWork(**{**order, **more}),
        )


def _dag_run(dag_id: str, instant: str, state: str) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "run_id": "manual__1",
        "logical_date": instant,
        "data_interval_start": instant,
        "data_interval_end": instant,
        "run_after": instant,
        "start_date": instant,
        "end_date": None,
        "run_type": "manual",
        "state": state,
        "conf": {},
        "consumed_asset_events": [],
        "partition_key": None,
    }
