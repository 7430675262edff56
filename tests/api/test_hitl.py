"""…/hitlDetails: people see what tasks ask, and answer; the task goes on at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import time_out_input
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.questions import Asked, make_late, waiting

pytestmark = pytest.mark.django_db


def _answer(actor: Actor, asked: Asked, *options: str, **more: Any) -> Any:
    return actor.v2().patch(asked.path, {"chosen_options": list(options), **more})


def test_an_answer_resumes_the_task_and_is_in_the_event_log(tenant: Tenant, member: Actor) -> None:
    asked = waiting(tenant)
    said = _answer(member, asked, "Approve", params_input={"reason": "good"})
    name = member.user.username
    assert (said.status, said["responded_by"]) == (200, {"id": name, "name": name})
    assert (said["chosen_options"], said["params_input"]) == (["Approve"], {"reason": "good"})
    row = asked.row()
    assert (row.state, row.try_number, row.next_method) == ("scheduled", 1, "execute_complete")
    event = row.next_kwargs["event"]
    assert event["responded_at"]["__classname__"] == "datetime.datetime"
    del event["responded_at"]
    assert event == {
        "chosen_options": ["Approve"],
        "params_input": {"reason": "good"},
        "responded_by_user": {"id": name, "name": name},
        "timedout": False,
    }
    [entry] = member.v2().get("/eventLogs")["event_logs"]
    assert (entry["event"], entry["owner"], entry["task_id"]) == ("update_hitl_detail", name, "first")
    again = _answer(member, asked, "Reject")
    assert (again.status, asked.row().next_kwargs["event"]["chosen_options"]) == (409, ["Approve"])


def test_who_was_asked_may_answer_and_nobody_else(
    tenant: Tenant, member: Actor, actor: Callable[..., Actor], viewer: Actor
) -> None:
    wanted = actor("Author")
    users = [{"id": wanted.user.username, "name": "W"}]
    asked = waiting(tenant, assigned_users=users)
    refused = _answer(member, asked, "Approve")
    assert (refused.status, "is not a respondent" in refused["detail"]) == (403, True)
    assert _answer(viewer, asked, "Approve").status == 403
    assert asked.row().state == "awaiting_input"
    assert _answer(wanted, asked, "Approve").status == 200
    assert asked.row().state == "scheduled"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"chosen_options": ["Perhaps"]}, 400),
        ({"chosen_options": ["Approve", "Reject"]}, 400),
        ({"chosen_options": []}, 422),
        ({}, 422),
        ({"chosen_options": ["Approve"], "params_input": {"a": {"__classname__": "os.system"}}}, 400),
        ({"chosen_options": ["Approve"], "params_input": {"a": [{"__type": "x"}]}}, 400),
    ],
)
def test_what_is_no_answer_is_refused(
    tenant: Tenant, member: Actor, body: dict[str, Any], status: int
) -> None:
    asked = waiting(tenant)
    assert member.v2().patch(asked.path, body).status == status
    assert asked.row().state == "awaiting_input"


def test_several_options_where_several_are_wanted(tenant: Tenant, member: Actor) -> None:
    asked = waiting(tenant, multiple=True)
    assert _answer(member, asked, "Approve", "Reject").status == 200


def test_strangers_and_nobody_see_and_answer_nothing(tenant: Tenant, stranger: Actor, nobody: Door) -> None:
    asked = waiting(tenant)
    assert stranger.v2(at=tenant).get(asked.path).status == 404
    assert stranger.v2(at=tenant).patch(asked.path, {"chosen_options": ["Approve"]}).status == 404
    assert stranger.v2().patch(asked.path, {"chosen_options": ["Approve"]}).status == 404
    assert stranger.v2().get("/dags/~/dagRuns/~/hitlDetails")["hitl_details"] == []
    assert nobody.get(asked.path).status == 401
    assert asked.row().state == "awaiting_input"


def test_questions_are_read_one_by_one_by_try_and_in_lists(tenant: Tenant, viewer: Actor) -> None:
    asked = waiting(tenant)
    one = viewer.v2().get(asked.path)
    assert (one["subject"], one["response_received"], one["assigned_users"]) == ("Deploy?", False, [])
    assert one["params"]["plain"] == {"value": 3, "description": None, "schema": {}}
    assert one["task_instance"]["state"] == "awaiting_input"
    assert viewer.v2().get(f"{asked.path}/tries/1")["subject"] == "Deploy?"
    assert viewer.v2().get(f"{asked.path}/tries/2").status == 404
    row = asked.row()
    run = f"/dags/{row.dag_id}/dagRuns/{row.run_id}"
    assert viewer.v2().get(f"{run}/hitlDetails")["total_entries"] == 1
    every = "/dags/~/dagRuns/~/hitlDetails"
    for query, total in (
        ({"response_received": "false"}, 1),
        ({"response_received": "true"}, 0),
        ({"state": "awaiting_input"}, 1),
        ({"state": "running"}, 0),
        ({"subject_search": "deploy"}, 1),
        ({"subject_search": "dep%y"}, 1),
        ({"subject_search": "other|deploy"}, 1),
        ({"subject_search": "other|another"}, 0),
        ({"map_index": "-1"}, 1),
        ({"map_index": "0"}, 0),
        ({"created_at_gte": "2100-01-01T00:00:00Z"}, 0),
        ({"created_at_lt": "2100-01-01T00:00:00Z"}, 1),
        ({"body_search": "other"}, 0),
        ({"body_search": "really"}, 1),
        ({"dag_id_pattern": "exam"}, 1),
        ({"task_id": "second"}, 0),
        ({"responded_by_user_id": "x"}, 0),
        ({"order_by": "-created_at"}, 1),
    ):
        assert viewer.v2().get(every, query)["total_entries"] == total, query


def test_a_task_that_never_asked_has_no_question(tenant: Tenant, viewer: Actor) -> None:
    asked = waiting(tenant)
    other = asked.path.replace("/first/", "/second/")
    assert "does not exist" in viewer.v2().get(other)["detail"]
    assert viewer.v2().get(asked.path.replace("/first/", "/third/")).status == 404


def _time_out(asked: Asked) -> None:
    make_late(asked)
    with tenant_scope(asked.one.tenant.id):
        time_out_input(ids=[asked.one.id], now=utc_now(), using="default")


def test_defaults_count_when_nobody_answers_in_time(tenant: Tenant, viewer: Actor) -> None:
    asked = waiting(tenant, timeout="PT1H", defaults=["Reject"])
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="input", ref=asked.one.id).exists()
    _time_out(asked)
    event = asked.row().next_kwargs["event"]
    assert (event["chosen_options"], event["timedout"]) == (["Reject"], True)
    assert event["params_input"] == {"reason": "none", "plain": 3}
    told = viewer.v2().get(asked.path)
    assert (told["response_received"], told["responded_by_user"]) == (True, None)


def test_without_defaults_it_goes_on_to_its_time_out(tenant: Tenant, viewer: Actor) -> None:
    asked = waiting(tenant, timeout="PT1H")
    _time_out(asked)
    row = asked.row()
    assert (row.state, row.next_kwargs["event"]["error_type"]) == ("scheduled", "timeout")
    assert viewer.v2().get(asked.path)["response_received"] is False


def test_before_its_time_nothing_times_out(tenant: Tenant) -> None:
    asked = waiting(tenant, timeout="PT1H", defaults=["Reject"])
    with tenant_scope(tenant.id):
        time_out_input(ids=[asked.one.id], now=utc_now(), using="default")
    assert asked.row().state == "awaiting_input"


def test_a_stranger_times_nothing_out(tenant: Tenant, other_tenant: Tenant) -> None:
    asked = waiting(tenant, timeout="PT1H", defaults=["Reject"])
    make_late(asked)
    with tenant_scope(other_tenant.id):
        time_out_input(ids=[asked.one.id], now=utc_now(), using="default")
    assert asked.row().state == "awaiting_input"
