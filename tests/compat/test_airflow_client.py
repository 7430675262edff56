"""The unmodified `apache-airflow-client` on every operation that we serve.

Its models refuse answers that lack a field or have one of a wrong type, so each call is a check of shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from airflow_client import client
from airflow_client.client.exceptions import (
    BadRequestException,
    ConflictException,
    ForbiddenException,
    NotFoundException,
    UnauthorizedException,
)

from controlplane.execution import logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.xcom import XCom
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.factories import (
    created_run,
    make_member,
    make_person,
    parsed_dag,
    published_bundle,
    put_states,
)
from tests.support.live_server import live_server
from tests.support.specs import chain

PASSWORD = "a long enough password"
RUN = ("etl", "run_1")


@pytest.fixture
def server(database: None) -> Iterator[str]:
    with live_server() as address:
        yield address


@pytest.fixture
def world(tenant: Tenant) -> TaskInstance:
    """A run of two tasks: the first succeeded at its second try, the second runs."""
    make_member(tenant=tenant, role="Admin", user=make_person("mia", PASSWORD))
    spec = chain("etl", 2, tags=["daily"], params={"n": {"value": 1, "schema": {"type": "integer"}}})
    dag = parsed_dag(tenant, spec, source="print('etl')\n")
    run = created_run(tenant, dag, run_id="run_1", logical_date=datetime(2026, 3, 1, tzinfo=UTC))
    first = put_states(tenant, run, task_0="success", task_1="running")["task_0"]
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=first.id).update(try_number=2)
        TaskTry(
            tenant=tenant,
            task_instance=first,
            try_number=1,
            epoch=1,
            state="failed",
            start_date=utc_now(),
            end_date=utc_now(),
            dag_version_id=first.dag_version_id,
        ).save(force_insert=True)
        XCom(
            tenant=tenant,
            dag_run=run,
            dag_id="etl",
            run_id="run_1",
            task_id="task_0",
            key="return_value",
            value={"rows": 3},
            timestamp=utc_now(),
        ).save(force_insert=True)
        FileError(
            tenant=tenant,
            serial=7,
            filename="dags/broken.py",
            kind="syntax",
            message="SyntaxError",
            stacktrace="Traceback",
            bundle_version=dag.bundle_version or published_bundle(tenant),
            timestamp=utc_now(),
        ).save(force_insert=True)
    key = logs.log_key(
        tenant_id=tenant.id, dag_id="etl", run_id="run_1", task_id="task_0", map_index=-1, try_number=2
    )
    line = b'{"timestamp":"2026-03-01T00:00:00Z","level":"info","event":"hello"}\n'
    logs.append(key=key, offset=0, data=line)
    return first


@pytest.fixture
def api(server: str, tenant: Tenant, world: TaskInstance) -> Iterator[client.ApiClient]:
    """Signed in as the client's own documentation says."""
    host = f"{server}/t/{tenant.slug}"
    answer = requests.post(f"{host}/auth/token", json={"username": "mia", "password": PASSWORD}, timeout=30)
    assert answer.status_code == 201
    configuration = client.Configuration(host=host, access_token=answer.json()["access_token"])
    with client.ApiClient(configuration) as made:
        yield made
        made.rest_client.pool_manager.clear()


def test_dags(api: client.ApiClient) -> None:
    dags = client.DAGApi(api)
    [dag] = dags.get_dags(tags=["daily"], order_by=["-dag_id"]).dags
    assert dag.dag_id == "etl"
    assert dags.get_dag("etl").dag_display_name == "etl"
    details = dags.get_dag_details("etl")
    assert details.params is not None and details.params["n"]["value"] == 1
    assert details.latest_dag_version is not None
    assert dags.patch_dag("etl", client.DAGPatchBody(is_paused=True)).is_paused is True
    changed = dags.patch_dags(client.DAGPatchBody(is_paused=False), dag_id_pattern="~")
    assert [dag.is_paused for dag in changed.dags] == [False]
    assert dags.get_dag_tags().tags == ["daily"]


def test_versions_source_and_tasks(api: client.ApiClient) -> None:
    versions = client.DagVersionApi(api)
    [version] = versions.get_dag_versions("etl").dag_versions
    assert versions.get_dag_version("etl", version.version_number).id == version.id
    assert client.DagSourceApi(api).get_dag_source("etl").content == "print('etl')\n"
    tasks = client.TaskApi(api)
    assert [task.task_id for task in tasks.get_tasks("etl").tasks] == ["task_0", "task_1"]
    assert tasks.get_task("etl", "task_0").downstream_task_ids == ["task_1"]
    assert client.DagWarningApi(api).list_dag_warnings().total_entries == 0


def test_runs(api: client.ApiClient) -> None:
    runs = client.DagRunApi(api)
    assert runs.get_dag_run(*RUN).state == "queued"
    body = client.TriggerDAGRunPostBody(dag_run_id="run_2", logical_date=None, conf={"a": 1})
    assert runs.trigger_dag_run("etl", body).dag_run_id == "run_2"
    assert runs.get_dag_runs("~", order_by=["-id"]).total_entries == 2
    assert len(runs.get_dag_runs("etl", cursor="", limit=1).dag_runs) == 1
    batch = client.DAGRunsBatchBody(dag_ids=["etl"], states=[client.DagRunState.QUEUED])
    assert runs.get_list_dag_runs_batch("~", batch).total_entries == 2
    noted = runs.patch_dag_run("etl", "run_2", client.DAGRunPatchBody(note="seen"))
    assert noted.note == "seen"
    with pytest.raises(ConflictException):
        runs.trigger_dag_run("etl", body)
    with pytest.raises(NotFoundException):
        runs.get_dag_run("etl", "none")
    with pytest.raises(BadRequestException):
        runs.get_dag_runs("etl", order_by=["nonsense"])


def test_task_instances(api: client.ApiClient, world: TaskInstance) -> None:
    instances = client.TaskInstanceApi(api)
    found = instances.get_task_instances(*RUN, order_by=["id"])
    assert {instance.task_id for instance in found.task_instances} == {"task_0", "task_1"}
    assert len(instances.get_task_instances(*RUN, cursor="", limit=1).task_instances) == 1
    assert str(instances.get_task_instance(*RUN, "task_0").id) == str(world.id)
    assert instances.get_mapped_task_instance(*RUN, "task_0", -1).state == "success"
    batch = client.TaskInstancesBatchBody(dag_ids=["etl"], state=[client.TaskInstanceState.RUNNING])
    assert instances.get_task_instances_batch("~", "~", batch).total_entries == 1
    tries = instances.get_task_instance_tries(*RUN, "task_0").task_instances
    assert [(entry.try_number, entry.state) for entry in tries] == [(1, "failed"), (2, "success")]
    assert len(instances.get_mapped_task_instance_tries(*RUN, "task_0", -1).task_instances) == 2
    assert instances.get_task_instance_try_details(*RUN, "task_0", 1).state == "failed"
    assert instances.get_mapped_task_instance_try_details(*RUN, "task_0", 2, -1).state == "success"
    assert instances.get_task_instance_dependencies(*RUN, "task_0").dependencies == []
    assert instances.get_task_instance_dependencies_by_map_index(*RUN, "task_1", -1).dependencies == []
    with pytest.raises(NotFoundException):
        instances.get_mapped_task_instances(*RUN, "task_0")


def test_logs(api: client.ApiClient) -> None:
    answer = client.TaskInstanceApi(api).get_log(*RUN, "task_0", 2, accept="application/json")
    assert answer.continuation_token is None
    told: Any = answer.content.actual_instance
    assert [message.event for message in told] == [
        "::group::Log message source details",
        "::endgroup::",
        "hello",
    ]


def test_xcoms(api: client.ApiClient) -> None:
    xcoms = client.XComApi(api)
    assert xcoms.get_xcom_entries(*RUN, "task_0").total_entries == 1
    entry: Any = xcoms.get_xcom_entry(
        dag_id="etl", dag_run_id="run_1", task_id="task_0", xcom_key="return_value"
    )
    assert entry.actual_instance.value == {"rows": 3}


def test_import_errors_and_event_logs(api: client.ApiClient) -> None:
    errors = client.ImportErrorApi(api)
    [error] = errors.get_import_errors().import_errors
    assert errors.get_import_error(error.import_error_id).filename == "dags/broken.py"
    client.DAGApi(api).patch_dag("etl", client.DAGPatchBody(is_paused=True))
    entries = client.EventLogApi(api)
    [entry] = entries.get_event_logs(dag_id="etl").event_logs
    assert entries.get_event_log(entry.event_log_id).event == "patch_dag"


def test_pools(api: client.ApiClient) -> None:
    pools = client.PoolApi(api)
    assert pools.post_pool(client.PoolBody(name="small", slots=2)).open_slots == 2
    assert pools.get_pools(order_by=["name"]).total_entries == 2
    patched = pools.patch_pool("small", client.PoolPatchBody(slots=5, include_deferred=True))
    assert patched.slots == 5
    assert pools.get_pool("default_pool").slots == 128
    with pytest.raises(ConflictException):
        pools.post_pool(client.PoolBody(name="small", slots=2))
    pools.delete_pool("small")
    with pytest.raises(NotFoundException):
        pools.get_pool("small")


def test_variables(api: client.ApiClient) -> None:
    variables = client.VariableApi(api)
    body = client.VariableBody(key="my_password", value="hunter2 is secret")
    assert variables.post_variable(body).value == "***"
    assert variables.get_variables().total_entries == 1
    plain = client.VariableBody(key="my_password", value="new", description="told")
    assert variables.patch_variable("my_password", plain, update_mask=["description"]).description == "told"
    assert variables.get_variable("my_password").is_encrypted is True
    variables.delete_variable("my_password")


def test_connections(api: client.ApiClient) -> None:
    connections = client.ConnectionApi(api)
    body = client.ConnectionBody(
        connection_id="db", conn_type="postgres", host="h", password="s3cret", var_schema="public", port=5432
    )
    made = connections.post_connection(body)
    assert (made.password, made.var_schema) == ("***", "public")
    assert connections.get_connections().total_entries == 1
    changed = client.ConnectionBody(connection_id="db", conn_type="postgres", host="other")
    assert connections.patch_connection("db", changed, update_mask=["host"]).port == 5432
    assert connections.get_connection("db").host == "other"
    connections.delete_connection("db")


def test_version_and_health(api: client.ApiClient) -> None:
    assert client.VersionApi(api).get_version().version == "3.3.2"
    assert client.MonitorApi(api).get_health().metadatabase.status == "healthy"


def test_who_may_not(server: str, tenant: Tenant, world: TaskInstance) -> None:
    host = f"{server}/t/{tenant.slug}"
    with client.ApiClient(client.Configuration(host=host, access_token="nonsense")) as broken:
        with pytest.raises(ForbiddenException):
            client.DAGApi(broken).get_dags()
        broken.rest_client.pool_manager.clear()
    with client.ApiClient(client.Configuration(host=host)) as nobody:
        with pytest.raises(UnauthorizedException):
            client.DAGApi(nobody).get_dags()
        nobody.rest_client.pool_manager.clear()
