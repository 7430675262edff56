"""Airflow's own Task SDK client, unmodified, in an interpreter that has Airflow, against a live server."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.secrets import connections
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, parsed_pair, queued_try, running_try
from tests.support.factories import parsed_dag
from tests.support.specs import chain
from tests.support.web_server import web_server

pytestmark = pytest.mark.skipif(
    "AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named"
)
CALLER = Path(__file__).with_name("task_sdk_caller.py")
NOW = {"time": "2026-01-01T00:00:00+00:00"}
PID = 4242


class Caller:
    """Airflow's client in its own process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.version = self._read()["version"]

    def __call__(self, attempt: Try, call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        order = {"token": attempt.token, "call": call, "args": args, "kwargs": kwargs}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the caller ended"
        told: dict[str, Any] = json.loads(line)
        return told


@pytest.fixture(scope="module")
def call(embedded: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
    }
    with web_server() as server, (home / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [os.environ["AERODROME_TEST_RUNTIME"], str(CALLER), f"http://{server.address}/execution/"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        )
        with process:
            yield Caller(process)
            assert process.stdin
            process.stdin.close()
        assert process.returncode == 0


def test_speaks_our_version(call: Caller) -> None:
    assert call.version == "2026-06-30"


def test_whole_walk(call: Caller, tenant: Tenant) -> None:
    """run, heartbeat, rendered fields, XComs, connection, variable, success."""
    attempt = queued_try(tenant, run_id="r1", conf={"a": 1})
    me = {"uuid": str(attempt.id)}
    with tenant_scope(tenant.id):
        connections.put(
            conn_id="db", conn_type="postgres", host="h", password="p", extra='{"x": 1}', now=utc_now()
        )

    context = call(attempt, "task_instances.start", me, PID, NOW)["result"]
    assert context["type"] == "TIRunContext"
    assert (context["dag_run"]["run_id"], context["dag_run"]["conf"]) == ("r1", {"a": 1})
    assert (context["max_tries"], context["should_retry"]) == (2, True)
    assert attempt.row().state == "running"

    assert "result" in call(attempt, "task_instances.heartbeat", me, PID)
    assert call(attempt, "task_instances.set_rtif", me, {"bash_command": "true"})["result"]["ok"]
    assert call(attempt, "task_instances.set_rendered_map_index", me, "label")["result"]["ok"]
    with tenant_scope(tenant.id):
        assert RenderedField.objects.get(id=attempt.id).fields == {"bash_command": "true"}

    key = ("example", "r1", "first", "return_value")
    assert call(attempt, "xcoms.set", *key, {"rows": [1, 2]}, mapped_length=2)["result"]["ok"]
    assert call(attempt, "xcoms.get", *key)["result"]["value"] == {"rows": [1, 2]}
    assert call(attempt, "xcoms.get", *key[:3], "missing")["result"]["value"] is None
    for index in range(4):
        call(attempt, "xcoms.set", *key[:3], "mapped", index, map_index=index)
    mapped = (*key[:3], "mapped")
    assert call(attempt, "xcoms.head", *mapped)["result"]["len"] == 4
    assert call(attempt, "xcoms.get_sequence_item", *mapped, -1)["result"] == 3
    assert call(attempt, "xcoms.get_sequence_item", *mapped, 9)["result"]["error"] == "XCOM_NOT_FOUND"
    assert call(attempt, "xcoms.get_sequence_slice", *mapped, None, None, -1)["result"] == [3, 2, 1, 0]
    assert call(attempt, "xcoms.get_sequence_slice", *mapped, 1, -1, 1)["result"] == [1, 2]
    call(attempt, "xcoms.delete", *mapped, map_index=0)
    assert call(attempt, "xcoms.head", *mapped)["result"]["len"] == 3

    found = call(attempt, "connections.get", "db")["result"]
    assert (found["type"], found["password"], found["extra"]) == ("ConnectionResponse", "p", '{"x": 1}')
    assert call(attempt, "connections.get", "nope")["result"]["error"] == "CONNECTION_NOT_FOUND"
    assert call(attempt, "variables.get", "k")["result"]["error"] == "VARIABLE_NOT_FOUND"
    assert call(attempt, "variables.set", "k", "v", "about")["result"]["ok"]
    assert call(attempt, "variables.get", "k")["result"]["value"] == "v"
    assert call(attempt, "variables.keys")["result"]["keys"] == ["k"]
    assert call(attempt, "variables.delete", "k")["result"]["ok"]

    done = call(attempt, "task_instances.succeed", me, NOW, [], [], "label 2")
    assert done["result"] is None
    row = attempt.row()
    assert (row.state, row.rendered_map_index) == ("success", "label 2")


def test_failure_and_conflicts(call: Caller, tenant: Tenant) -> None:
    attempt = running_try(tenant)
    me = {"uuid": str(attempt.id)}
    started = call(attempt, "task_instances.start", me, PID, NOW)
    assert started["error"] == "TaskAlreadyRunningError"
    elsewhere = call(attempt, "task_instances.heartbeat", me, PID)
    assert (elsewhere["status"], elsewhere["detail"]["reason"]) == (409, "running_elsewhere")
    assert call(attempt, "task_instances.finish", me, "failed", NOW, None)["result"] is None
    assert attempt.row().state == "failed"
    again = call(attempt, "task_instances.succeed", me, NOW, [], [], None)
    assert (again["status"], again["detail"]["previous_state"]) == (409, "failed")
    assert call(attempt, "task_instances.finish", me, "failed", NOW, None)["result"] is None, "told twice"


def test_retry_supersedes(call: Caller, tenant: Tenant) -> None:
    old = running_try(tenant)
    me = {"uuid": str(old.id)}
    retried = call(old, "task_instances.retry", me, NOW, None, retry_delay_seconds=0.0, retry_reason="again")
    assert retried["result"] is None
    assert old.row().state == "up_for_retry"
    new = old.again()
    assert call(new, "task_instances.start", me, PID, NOW)["result"]["should_retry"] is True
    assert call(old, "task_instances.heartbeat", me, PID)["status"] == 410
    late = call(old, "task_instances.succeed", me, NOW, [], [], None)
    assert (late["status"], late["detail"]["reason"]) == (409, "invalid_state")
    denied = call(old, "connections.get", "db")["result"]
    assert denied["error"] == "PERMISSION_DENIED", "so that the SDK looks nowhere else"
    assert call(new, "task_instances.succeed", me, NOW, [], [], None)["result"] is None


def test_defer(call: Caller, tenant: Tenant) -> None:
    attempt = running_try(tenant)
    message = {
        "message": "DeferTask",
        "fields": {
            "classpath": "airflow.providers.standard.triggers.temporal.TimeDeltaTrigger",
            "trigger_kwargs": {"delta": 1},
            "next_method": "execute_complete",
            "next_kwargs": {"a": 1},
        },
    }
    assert call(attempt, "task_instances.defer", {"uuid": str(attempt.id)}, message)["result"] is None
    row = attempt.row()
    assert (row.state, row.next_method) == ("deferred", "execute_complete")


def test_reschedule(call: Caller, tenant: Tenant) -> None:
    attempt = running_try(tenant)
    at = utc_now() + timedelta(hours=1)
    message = {
        "message": "RescheduleTask",
        "fields": {"reschedule_date": {"time": at.isoformat()}, "end_date": NOW},
    }
    assert call(attempt, "task_instances.reschedule", {"uuid": str(attempt.id)}, message)["result"] is None
    row = attempt.row()
    assert (row.state, row.due_at, row.reschedules) == ("up_for_reschedule", at, 1)


def test_questions(call: Caller, tenant: Tenant) -> None:
    dag = parsed_pair(tenant, tags=["t"])
    dates = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    first = running_try(tenant, dag, run_id="r0", logical_date=dates[0]).end("success")
    with tenant_scope(tenant.id):
        DagRun.objects.filter(run_id="r0").update(state="success", end_date=dates[1])
    attempt = running_try(tenant, dag, run_id="r1", logical_date=dates[1])
    me, when = {"uuid": str(attempt.id)}, {"time": dates[1].isoformat()}
    assert first.row().state == "success"
    assert call(attempt, "task_instances.get_count", "example", states=["success"])["result"]["count"] == 1
    states = call(attempt, "task_instances.get_task_states", "example", run_ids=["r1"])["result"]
    assert states["task_states"] == {"r1": {"first": "running", "second": None}}
    crumbs = call(attempt, "task_instances.get_task_breakcrumbs", "example", "r0")["result"]["breadcrumbs"]
    assert [crumb["task_id"] for crumb in crumbs] == ["first"]
    previous = call(attempt, "task_instances.get_previous", "example", "first", logical_date=when)["result"]
    assert previous["task_instance"]["run_id"] == "r0"
    success = call(attempt, "task_instances.get_previous_successful_dagrun", me)["result"]
    assert success["end_date"].startswith("2026-01-02")
    assert call(attempt, "task_instances.get_reschedule_start_date", me)["result"]["start_date"] is None
    assert call(attempt, "task_instances.validate_inlets_and_outlets", me)["result"]["inactive_assets"] == []
    assert call(attempt, "dag_runs.get_state", "example", "r0")["result"]["state"] == "success"
    assert call(attempt, "dag_runs.get_detail", "example", "r0")["result"]["run_id"] == "r0"
    assert call(attempt, "dag_runs.get_count", "example")["result"]["count"] == 2
    before = call(attempt, "dag_runs.get_previous", "example", when, state="success")["result"]
    assert before["dag_run"]["run_id"] == "r0"
    assert call(attempt, "dags.get", "example")["result"]["tags"] == ["t"]
    assert call(attempt, "dags.get", "nope")["status"] == 404


def test_skip_and_trigger(call: Caller, tenant: Tenant) -> None:
    parsed_dag(tenant, chain("other", 1))
    attempt = running_try(tenant)
    message = {"message": "SkipDownstreamTasks", "fields": {"tasks": ["second"]}}
    skipped = call(attempt, "task_instances.skip_downstream_tasks", {"uuid": str(attempt.id)}, message)
    assert skipped["result"] is None
    assert call(attempt, "dag_runs.trigger", "other", "wanted", conf={"a": 1})["result"]["ok"]
    twice = call(attempt, "dag_runs.trigger", "other", "wanted")["result"]
    assert twice["error"] == "DAGRUN_ALREADY_EXISTS"
    with tenant_scope(tenant.id):
        assert DagRun.objects.get(run_id="wanted").conf == {"a": 1}


def test_client_takes_the_fresh_token(call: Caller, tenant: Tenant) -> None:
    attempt = running_try(tenant)
    old = tokens.issue(
        tenant_id=tenant.id,
        task_instance_id=attempt.id,
        epoch=attempt.epoch,
        try_number=1,
        now=utc_now() - timedelta(seconds=500),
    )
    aged = Try(tenant=tenant, run=attempt.run, id=attempt.id, epoch=attempt.epoch, token=old)
    fresh = call(aged, "variables.keys")["token"]
    assert fresh != old
    assert tokens.verify(fresh, now=utc_now() + timedelta(seconds=300)).epoch == attempt.epoch


def test_stranger(call: Caller, tenant: Tenant, other_tenant: Tenant) -> None:
    mine, theirs = running_try(tenant, run_id="r1"), running_try(other_tenant)
    call(mine, "variables.set", "k", "v")
    assert call(theirs, "variables.get", "k")["result"]["error"] == "VARIABLE_NOT_FOUND"
    assert call(theirs, "dag_runs.get_state", "example", "r1")["status"] == 404
    assert call(theirs, "task_instances.heartbeat", {"uuid": str(mine.id)}, PID)["status"] == 403


def test_malformed_reads_as_validation_error(call: Caller, tenant: Tenant) -> None:
    attempt = running_try(tenant)
    answer = call(attempt, "variables.keys", limit=0)
    assert answer["status"] == 422
    assert answer["detail"][0]["loc"] == ["query", "limit"]
