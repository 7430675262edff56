"""`/hitlDetails/{id}`: a running task asks; what it reads back, and who may not."""

from __future__ import annotations

import pytest

from controlplane.ledger.models.hitl_detail import HitlDetail
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.attempts import running_try
from tests.support.questions import QUESTION, ask, park

pytestmark = pytest.mark.django_db


def test_a_question_is_answered_with_itself(tenant: Tenant) -> None:
    one = running_try(tenant)
    made = ask(one)
    assert (made.status, made.body) == (201, {"ti_id": str(one.id), **QUESTION})
    empty = one.door().get(f"hitlDetails/{one.id}")
    assert empty.body == {
        "response_received": False,
        "responded_by_user": None,
        "responded_at": None,
        "chosen_options": [],
        "params_input": {},
    }


def test_the_defaults_count_once_when_nobody_answered(tenant: Tenant) -> None:
    one = running_try(tenant)
    body = {"ti_id": str(one.id), "chosen_options": ["Approve"], "params_input": {"a": 1}}
    assert one.door().patch(f"hitlDetails/{one.id}", body).status == 404
    ask(one)
    stored = one.door().patch(f"hitlDetails/{one.id}", body)
    assert (stored.status, stored["response_received"], stored["responded_by_user"]) == (200, True, None)
    assert stored["chosen_options"] == ["Approve"]
    again = one.door().patch(f"hitlDetails/{one.id}", body)
    assert (again.status, again.body) == (200, stored.body), "its answer was lost: it is sent again"
    for other in ({"chosen_options": ["Reject"]}, {"params_input": {}}):
        assert one.door().patch(f"hitlDetails/{one.id}", {**body, **other}).status == 409


def test_a_task_that_asks_again_forgets_the_answer_and_keeps_the_question(tenant: Tenant) -> None:
    one = running_try(tenant)
    ask(one)
    one.door().patch(f"hitlDetails/{one.id}", {"ti_id": str(one.id), "chosen_options": ["Reject"]})
    again = ask(one, subject="Another?")
    assert (again.status, again["subject"]) == (201, "Deploy?")
    assert one.door().get(f"hitlDetails/{one.id}")["response_received"] is False
    with tenant_scope(tenant.id):
        assert HitlDetail.objects.count() == 1


@pytest.mark.parametrize("wrong", [{"options": []}, {"subject": None}, {"options": "a"}])
def test_a_question_that_cannot_be_asked_is_refused(tenant: Tenant, wrong: dict[str, object]) -> None:
    assert ask(running_try(tenant), **wrong).status == 422


def test_only_the_task_itself_may_ask(tenant: Tenant, other_tenant: Tenant) -> None:
    one, other = running_try(tenant), running_try(other_tenant)
    body = {"ti_id": str(one.id), **QUESTION}
    assert other.door().post(f"hitlDetails/{one.id}", body).status == 403
    assert other.door().get(f"hitlDetails/{one.id}").status == 403
    with tenant_scope(tenant.id):
        assert HitlDetail.objects.count() == 0


def test_an_answer_that_comes_before_the_task_waits_resumes_it_at_once(tenant: Tenant, member: Actor) -> None:
    one = running_try(tenant)
    ask(one)
    row = one.row()
    path = f"/dags/{row.dag_id}/dagRuns/{row.run_id}/taskInstances/{row.task_id}/-1/hitlDetails"
    assert member.v2().patch(path, {"chosen_options": ["Approve"]}).status == 200
    assert one.row().state == "running"
    assert park(one, timeout="PT1H").status == 204
    row = one.row()
    assert (row.state, row.next_method) == ("scheduled", "execute_complete")
    assert row.next_kwargs["event"]["chosen_options"] == ["Approve"]


@pytest.mark.parametrize("timeout", ["soon", -1e300])
def test_a_time_out_that_is_none_is_refused(tenant: Tenant, timeout: object) -> None:
    one = running_try(tenant)
    ask(one)
    assert park(one, timeout=timeout).status == 422
    assert one.row().state == "running"
