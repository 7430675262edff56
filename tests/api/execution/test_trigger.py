"""POST dag-runs/{dag_id}/{run_id}: a task triggers a run. And /clear, which is refused in words."""

from __future__ import annotations

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, running_try
from tests.support.factories import parsed_dag
from tests.support.specs import chain

PATH = "dag-runs/other/wanted"


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    parsed_dag(tenant, chain("other", 1))
    return running_try(tenant, user="ann")


def _change(tenant: Tenant, **fields: bool) -> None:
    with tenant_scope(tenant.id):
        Dag.objects.filter(dag_id="other").update(**fields)


def test_trigger(attempt: Try) -> None:
    body = {"conf": {"a": 1}, "logical_date": "2026-01-01T00:00:00Z", "note": "by a task"}
    answer = attempt.door().post(PATH, body)
    assert (answer.status, answer.body) == (204, "")
    with tenant_scope(attempt.tenant.id):
        run = DagRun.objects.get(run_id="wanted")
    assert (run.dag_id, run.run_type, run.triggered_by) == ("other", "operator_triggered", "operator")
    assert (run.conf, run.note, run.triggering_user_name) == ({"a": 1}, "by a task", "ann")


def test_trigger_twice(attempt: Try) -> None:
    attempt.door().post(PATH, {})
    answer = attempt.door().post(PATH, {})
    assert answer.status == 409
    assert answer["detail"] == {
        "reason": "already_exists",
        "message": "A run already exists for Dag 'other' with run_id 'wanted'",
    }


def test_logical_date_taken(attempt: Try) -> None:
    body = {"logical_date": "2026-01-01T00:00:00Z"}
    attempt.door().post("dag-runs/other/one", body)
    assert attempt.door().post("dag-runs/other/two", body).status == 409


def test_dag_unknown_stale_or_broken(attempt: Try) -> None:
    assert attempt.door().post("dag-runs/nope/r", {}).status == 404
    _change(attempt.tenant, has_import_errors=True)
    broken = attempt.door().post(PATH, {})
    assert (broken.status, broken["detail"]["reason"]) == (400, "import_errors")
    _change(attempt.tenant, is_stale=True)
    stale = attempt.door().post(PATH, {})
    assert stale.status == 404
    assert stale["detail"] == {"reason": "not_found", "message": "Dag with dag_id: 'other' not found"}


def test_malformed(attempt: Try) -> None:
    assert attempt.door().post(PATH, {"conf": []}).status == 422
    assert attempt.door().post(PATH, {"tenant_id": "x"}).status == 422


def test_finished_task_triggers_nothing(attempt: Try) -> None:
    attempt.end("success")
    assert attempt.door().post(PATH, {}).status == 403
    with tenant_scope(attempt.tenant.id):
        assert not DagRun.objects.filter(run_id="wanted").exists()


def test_clear_says_that_it_is_not_served(attempt: Try) -> None:
    assert attempt.door().post(f"{PATH}/clear").status == 404
    attempt.door().post(PATH, {})
    answer = attempt.door().post(f"{PATH}/clear")
    assert (answer.status, answer["detail"]["reason"]) == (409, "not_supported")
