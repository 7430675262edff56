"""Airflow's own supervisor and task runner, unmodified, run tasks against our Execution API; our scheduler schedules."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.xcom import XCom
from controlplane.secrets import connections, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import airflow_runtime
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for
from tests.support.web_server import web_server

pytestmark = pytest.mark.skipif(
    "AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named"
)
HERE = Path(__file__).parent
DAGS = HERE / "supervised_dags.py"
ROUNDS = 60


@dataclass
class Supervisor:
    """Airflow's supervisor in its own process. `logs`: (task, try) -> what is in the task's log."""

    process: subprocess.Popen[str]
    server: str
    home: Path
    logs: dict[tuple[str, int], str] = field(default_factory=dict)

    def run(self, tenant: Tenant, row: TaskInstance) -> None:
        """One attempt that was dispatched, from its start to its end."""
        token = tokens.issue(
            tenant_id=tenant.id,
            task_instance_id=row.id,
            epoch=row.epoch,
            try_number=row.try_number,
            now=utc_now(),
        )
        told = {
            "id": str(row.id),
            "task_id": row.task_id,
            "dag_id": row.dag_id,
            "run_id": row.run_id,
            "try_number": row.try_number,
            "map_index": row.map_index,
            "dag_version_id": str(row.dag_version_id),
            "pool_slots": row.pool_slots,
            "queue": row.queue,
            "priority_weight": 1,
        }
        log = f"{row.id}/{row.try_number}.log"
        order = {"ti": told, "token": token, "server": self.server, "path": DAGS.name, "log": log}
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "exit_code" in answer, (row.task_id, answer)
        self.logs[row.task_id, row.try_number] = (self.home / "logs" / log).read_text()


@pytest.fixture(scope="module")
def supervisor(embedded: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """With bounds for XComs that are soon reached."""
    home = tmp_path_factory.mktemp("airflow")
    bundle = {
        "name": "dags",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(HERE)},
    }
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////dev/null/airflow.db",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
    }
    bounds = {"AERODROME_XCOM_INLINE_BYTES": "20000", "AERODROME_XCOM_MAX_BYTES": "100000"}
    with web_server(**bounds) as server, (home / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [os.environ["AERODROME_TEST_RUNTIME"], str(HERE / "airflow_supervises.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        with process:
            assert process.stdin and process.stdout
            assert json.loads(process.stdout.readline()) == {"ready": True}
            yield Supervisor(process, f"http://{server.address}/execution/", home)
            process.stdin.close()
        assert process.returncode == 0


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """The DAGs as our own runtime tells them."""
    runtime = airflow_runtime.start(tmp_path_factory.mktemp("parsing"), shim=False)
    try:
        told = runtime.parse(bundle=HERE, path=DAGS.name)
        assert told.failures == []
        yield {dag.dag_id: msgspec.to_builtins(dag) for dag in told.dags}
    finally:
        runtime.close()


def _run(tenant: Tenant, spec: dict[str, Any], supervisor: Supervisor) -> tuple[Walk, DagRun]:
    """Our scheduler and Airflow's supervisor in turns, until nothing is left to run."""
    parsed_dag(tenant, spec)
    walk = walk_for(tenant)
    run = walk.trigger(spec["dag_id"], run_id="r1")
    for _ in range(ROUNDS):
        walk.schedule()
        with tenant_scope(tenant.id):
            queued = list(TaskInstance.objects.filter(state="queued").order_by("task_index", "map_index"))
        if not queued and walk.run_state(run) in ("success", "failed"):
            return walk, run
        for row in queued:
            supervisor.run(tenant, row)
    raise AssertionError(f"the run never ended: {walk.states(run)}")


def _xcoms(tenant: Tenant) -> dict[tuple[str, str], Any]:
    with tenant_scope(tenant.id):
        return {
            (f"{x.task_id}[{x.map_index}]" if x.map_index >= 0 else x.task_id, x.key): x.value
            for x in XCom.objects.all()
        }


def test_every_way_to_end(tenant: Tenant, specs: dict[str, Any], supervisor: Supervisor) -> None:
    with tenant_scope(tenant.id):
        variables.put(key="colour", value="green", description=None, now=utc_now())
        connections.put(conn_id="db", conn_type="postgres", host="h", password="p", now=utc_now())
    walk, run = _run(tenant, specs["supervised"], supervisor)
    assert walk.states(run) == {
        "pushes": "success",
        "pulls": "success",
        "fails_once": "success",
        "fails": "failed",
        "after_failure": "upstream_failed",
        "skips": "skipped",
        "after_skip": "skipped",
        "looks_twice": "success",
        "reads": "success",
        "chooses": "success",
        "chosen": "success",
        "not_chosen": "skipped",
        "numbers": "success",
        "each[0]": "success",
        "each[1]": "success",
        "each[2]": "success",
        "sums": "success",
        "waits": "success",
    }
    assert walk.run_state(run) == "failed"
    found = _xcoms(tenant)
    assert found["pulls", "return_value"] == 42
    assert found["fails_once", "return_value"] == {"id": 7}, "kept by the first try, read by the second"
    assert found["reads", "return_value"] == ["green", "h", "p"]
    assert [found[f"each[{n}]", "return_value"] for n in range(3)] == [10, 20, 30]
    assert found["sums", "return_value"] == 60
    woken = found["waits", "return_value"]
    assert (woken["told"], woken["try"]) == ([1, {"a": 2}], 1)
    assert "2024-01-01" in woken["event"]
    retried = walk.instance(run, "fails_once")
    assert retried.try_number == 2
    assert walk.instance(run, "looks_twice").try_number == 1
    with tenant_scope(tenant.id):
        tried = TaskTry.objects.filter(task_instance_id=retried.id).order_by("try_number")
        assert (tried[0].try_number, tried[0].state) == (1, "up_for_retry")
        assert [event.source_task_id for event in AssetEvent.objects.all()] == ["pushes"]
        assert RenderedField.objects.filter(id=retried.id).exists()
    assert "for the first time" in supervisor.logs["fails_once", 1]


def test_large_xcoms(tenant: Tenant, specs: dict[str, Any], supervisor: Supervisor) -> None:
    """Spilled it is read as ever; too large, or none for the database, it fails its task, whose log says why."""
    walk, run = _run(tenant, specs["large"], supervisor)
    assert walk.states(run) == {
        "spilled": "success",
        "reads_spilled": "success",
        "too_large": "failed",
        "after_too_large": "upstream_failed",
        "with_nul": "failed",
    }
    found = _xcoms(tenant)
    assert found["reads_spilled", "return_value"] == 60_000
    assert found["too_large", "small"] == "kept", "what was pushed before stays"
    assert ("too_large", "return_value") not in found
    with tenant_scope(tenant.id):
        spilled = XCom.objects.get(task_id="spilled", key="return_value")
    assert spilled.value is None
    assert str(spilled.kept_as).startswith(f"{tenant.id}/")
    assert walk.instance(run, "too_large").try_number == 2
    for number in (1, 2):
        log = supervisor.logs["too_large", number]
        assert "xcom_too_large" in log
        assert "at most 0.1 MiB (100000 bytes) are taken (AERODROME_XCOM_MAX_BYTES)" in log
    assert "a value holds a NUL character, which the database cannot store" in supervisor.logs["with_nul", 1]


def test_a_stranger_s_token_starts_nothing(
    tenant: Tenant, other_tenant: Tenant, specs: dict[str, Any], supervisor: Supervisor
) -> None:
    """The supervisor of another tenant names our task: it is refused, and its process never runs."""
    parsed_dag(tenant, specs["large"])
    walk = walk_for(tenant)
    walk.trigger("large", run_id="r1")
    walk.schedule()
    with tenant_scope(tenant.id):
        row = TaskInstance.objects.get(task_id="spilled")
    with pytest.raises(AssertionError, match="raised"):
        supervisor.run(other_tenant, row)
    with tenant_scope(tenant.id):
        assert TaskInstance.objects.get(id=row.id).state == "queued"
