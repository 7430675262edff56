"""The unmodified `apache-airflow-client` clears, marks and deletes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from airflow_client import client
from airflow_client.client.exceptions import ConflictException, NotFoundException

from tenants.models.tenant import Tenant
from tests.support import invariants, specs
from tests.support.factories import make_member, make_person
from tests.support.hands import finish
from tests.support.live_server import live_server
from tests.support.scene import Scene, scene

PASSWORD = "a long enough password"


@pytest.fixture
def failed(tenant: Tenant, database: None) -> Scene:
    """first -> middle (failed, in group g) -> last (upstream_failed)."""
    it = scene(
        tenant,
        specs.task("first", "middle"),
        specs.task("middle", "last", group_id="g"),
        specs.task("last"),
        groups=[{"group_id": "g"}],
    )
    finish(it, middle="failed")
    return it


@pytest.fixture
def api(tenant: Tenant, failed: Scene) -> Iterator[client.ApiClient]:
    make_member(tenant=tenant, role="Admin", user=make_person("mia", PASSWORD))
    with live_server() as address:
        host = f"{address}/t/{tenant.slug}"
        answer = requests.post(
            f"{host}/auth/token", json={"username": "mia", "password": PASSWORD}, timeout=30
        )
        configuration = client.Configuration(host=host, access_token=answer.json()["access_token"])
        with client.ApiClient(configuration) as made:
            yield made
            made.rest_client.pool_manager.clear()


def test_tasks_are_cleared(api: client.ApiClient, failed: Scene) -> None:
    instances = client.TaskInstanceApi(api)
    name = client.ClearTaskInstancesBodyTaskIdsInner("middle")
    body = client.ClearTaskInstancesBody(
        dag_run_id=failed.run.run_id, task_ids=[name], include_downstream=True
    )
    asked = instances.post_clear_task_instances("scene", body)
    assert [one.task_id for one in asked.task_instances] == ["middle", "last"]
    body.dry_run = False
    cleared = instances.post_clear_task_instances("scene", body)
    assert [one.state for one in cleared.task_instances] == [None, None]
    invariants.check(failed.tenant)
    finish(failed)
    assert failed.run_row().state == "success"


def test_runs_are_cleared(api: client.ApiClient, failed: Scene) -> None:
    runs = client.DagRunApi(api)
    # The client cannot read a dry run's answer, whoever gives it: to its models each task instance is two things.
    asked = runs.clear_dag_run_without_preload_content(
        "scene", failed.run.run_id, client.DAGRunClearBody(only_failed=True)
    )
    assert json.loads(asked.data)["total_entries"] == 2
    cleared = runs.clear_dag_run("scene", failed.run.run_id, client.DAGRunClearBody(dry_run=False))
    assert isinstance(cleared.actual_instance, client.DAGRunResponse)
    assert cleared.actual_instance.state == "queued"
    many = client.BulkDAGRunClearBody(
        dag_runs=[client.BulkDAGRunBody(dag_run_id=failed.run.run_id)], dry_run=False, note="again"
    )
    answer = runs.clear_dag_runs("scene", many).actual_instance
    assert isinstance(answer, client.DAGRunCollectionResponse)
    assert [run.note for run in answer.dag_runs] == ["again"]
    partitions = client.ClearPartitionsBody(run_id=failed.run.run_id, clear_task_instances=True)
    told = runs.clear_dag_run_partitions("scene", partitions)
    assert (told.dag_runs_cleared, told.task_instances_cleared, told.dry_run) == (0, 3, True)
    invariants.check(failed.tenant)


def test_tasks_and_runs_are_marked(api: client.ApiClient, failed: Scene) -> None:
    instances, run_id = client.TaskInstanceApi(api), failed.run.run_id
    body = client.PatchTaskInstanceBody(new_state="success", note="by hand")
    asked = instances.patch_task_instance_dry_run("scene", run_id, "middle", body)
    assert asked.total_entries == 1 and failed.states()["middle"] == "failed"
    [marked] = instances.patch_task_instance("scene", run_id, "middle", body).task_instances
    assert (marked.state, marked.note) == ("success", "by hand")
    with pytest.raises(ConflictException):
        instances.patch_task_instance("scene", run_id, "middle", body, map_index=-1)
    group = client.PatchTaskInstanceBody(new_state="skipped")
    assert instances.patch_task_group_instances("scene", run_id, "g", group).total_entries == 1
    told = client.BulkBodyBulkTaskInstanceBody.from_dict(
        {"actions": [{"action": "update", "entities": [{"task_id": "last", "new_state": "failed"}]}]}
    )
    answer = instances.bulk_task_instances("scene", run_id, told)
    assert answer.update is not None and len(answer.update.success) == 1
    runs = client.DagRunApi(api)
    assert runs.patch_dag_run("scene", run_id, client.DAGRunPatchBody(state="failed")).state == "failed"
    invariants.check(failed.tenant, said={run_id})


def test_all_of_it_is_deleted(api: client.ApiClient, failed: Scene) -> None:
    run_id = failed.run.run_id
    client.TaskInstanceApi(api).delete_task_instance("scene", run_id, "last")
    client.DagRunApi(api).delete_dag_run("scene", run_id)
    with pytest.raises(NotFoundException):
        client.DagRunApi(api).delete_dag_run("scene", run_id)
    client.DAGApi(api).delete_dag("scene")
    with pytest.raises(NotFoundException):
        client.DAGApi(api).get_dag("scene")
    invariants.check(failed.tenant)
