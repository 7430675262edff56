"""What a running task tells of itself and asks about its run: rtif, rendered-map-index, skip-downstream,
previous-successful-dagrun, validate-inlets-and-outlets, reschedules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, parsed_pair, running_try
from tests.support.factories import created_run


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant)


def _fields(attempt: Try) -> object:
    with tenant_scope(attempt.tenant.id):
        return RenderedField.objects.get(id=attempt.id).fields


def test_rendered_fields(attempt: Try) -> None:
    path = f"task-instances/{attempt.id}/rtif"
    answer = attempt.door().call("PUT", path, {"bash_command": "echo 1", "env": {"A": None}})
    assert answer.status == 201
    assert answer.body == {"message": "Rendered task instance fields successfully set"}
    assert _fields(attempt) == {"bash_command": "echo 1", "env": {"A": None}}
    assert attempt.door().call("PUT", path, ["no object"]).status == 422


def test_rendered_fields_after_the_outcome(attempt: Try) -> None:
    """Operators with `overwrite_rtif_after_execution` send them once more after they reported success."""
    attempt.end("success")
    assert attempt.door().call("PUT", f"task-instances/{attempt.id}/rtif", {"a": "late"}).status == 201
    assert _fields(attempt) == {"a": "late"}


def test_rendered_map_index(attempt: Try) -> None:
    path = f"task-instances/{attempt.id}/rendered-map-index"
    assert attempt.door().patch(path, "file 1").status == 204
    assert attempt.row().rendered_map_index == "file 1"
    answer = attempt.door().patch(path, "")
    assert (answer.status, answer["detail"]) == (422, "rendered_map_index cannot be empty")


def test_skip_downstream(attempt: Try) -> None:
    path = f"task-instances/{attempt.id}/skip-downstream"
    assert attempt.door().patch(path, {"tasks": ["second", ["unknown", 3]]}).status == 204
    with tenant_scope(attempt.tenant.id):
        assert TaskInstance.objects.get(dag_run_id=attempt.run.id, task_id="second").state == "skipped"
    assert attempt.row().state == "running"
    assert attempt.door().patch(path, {"tasks": [3]}).status == 422


def test_previous_successful_run(tenant: Tenant) -> None:
    dag = parsed_pair(tenant)
    for day, state in ((1, "success"), (2, "success"), (3, "failed"), (5, "success")):
        created_run(tenant, dag, run_id=f"d{day}", logical_date=datetime(2026, 1, day, tzinfo=UTC))
        with tenant_scope(tenant.id):
            ended = datetime(2026, 1, day, 12, tzinfo=UTC)
            DagRun.objects.filter(run_id=f"d{day}").update(state=state, start_date=ended, end_date=ended)
    now = running_try(tenant, dag, run_id="d4", logical_date=datetime(2026, 1, 4, tzinfo=UTC))
    answer = now.door().get(f"task-instances/{now.id}/previous-successful-dagrun")
    assert answer.body["end_date"] == "2026-01-02T12:00:00Z"
    assert answer.body.keys() == {"data_interval_start", "data_interval_end", "start_date", "end_date"}


def test_no_previous_successful_run(attempt: Try) -> None:
    answer = attempt.door().get(f"task-instances/{attempt.id}/previous-successful-dagrun")
    assert set(answer.body.values()) == {None}


def test_assets_are_active(attempt: Try) -> None:
    answer = attempt.door().get(f"task-instances/{attempt.id}/validate-inlets-and-outlets")
    assert answer.body == {"inactive_assets": []}


def test_no_reschedule_yet(attempt: Try) -> None:
    assert attempt.door().get(f"task-reschedules/{attempt.id}/start_date?try_number=1").body is None
