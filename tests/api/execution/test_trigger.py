"""POST dag-runs/{dag_id}/{run_id}: a task triggers a run. And /clear: the run begins anew."""

from __future__ import annotations

from uuid import uuid4

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants
from tests.support.attempts import Try, running_try
from tests.support.factories import created_run, parsed_dag, put_states
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


def test_a_request_that_is_sent_again_because_its_answer_was_lost_is_done_once(attempt: Try) -> None:
    key, other = str(uuid4()), str(uuid4())
    assert [attempt.door().post(PATH, {}, idempotency_key=key).status for _ in range(2)] == [204, 204]
    assert attempt.door().post(PATH, {}, idempotency_key=other).status == 409, "another request"
    assert attempt.door().post(PATH, {}, idempotency_key="").status == 409, "none of ours"
    with tenant_scope(attempt.tenant.id):
        assert DagRun.objects.filter(dag_id="other").count() == 1


def test_a_run_begins_anew_once_for_one_request(attempt: Try) -> None:
    attempt.door().post(PATH, {}, idempotency_key=str(uuid4()))

    def cleared(key: str) -> int:
        assert attempt.door().post(f"{PATH}/clear", idempotency_key=key).status == 204
        with tenant_scope(attempt.tenant.id):
            return DagRun.objects.get(run_id="wanted").clear_number

    key = str(uuid4())
    assert [cleared(key), cleared(key), cleared(str(uuid4()))] == [1, 1, 2]


def test_the_same_key_in_another_tenant_is_another_request(attempt: Try, other_tenant: Tenant) -> None:
    key = str(uuid4())
    attempt.door().post(PATH, {}, idempotency_key=key)
    parsed_dag(other_tenant, chain("other", 1))
    stranger = running_try(other_tenant)
    stranger.door().post(PATH, {})
    assert stranger.door().post(PATH, {}, idempotency_key=key).status == 409


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


def test_clear_begins_the_run_anew(tenant: Tenant, attempt: Try) -> None:
    answer = attempt.door().post(f"{PATH}/clear")
    assert (answer.status, answer["detail"]["reason"]) == (404, "not_found")
    attempt.door().post(PATH, {})
    with tenant_scope(tenant.id):
        run = DagRun.objects.get(run_id="wanted")
    put_states(tenant, run, task_0="failed")
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=run.id).update(state="failed", unfinished=0, failed_leaves=1)
    assert attempt.door().post(f"{PATH}/clear").status == 204
    with tenant_scope(tenant.id):
        run = DagRun.objects.get(run_id="wanted")
        assert (run.state, run.clear_number, run.unfinished) == ("queued", 1, 1)
        assert TaskInstance.objects.get(dag_run_id=run.id).state is None
    invariants.check(tenant)


def test_a_task_clears_no_run_of_another_tenant(other_tenant: Tenant, attempt: Try) -> None:
    theirs = created_run(other_tenant, parsed_dag(other_tenant, chain("theirs", 1)), run_id="wanted")
    answer = attempt.door().post("dag-runs/theirs/wanted/clear")
    assert (answer.status, answer["detail"]["reason"]) == (404, "not_found")
    with tenant_scope(other_tenant.id):
        assert DagRun.objects.get(id=theirs.id).clear_number == 0
