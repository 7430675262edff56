"""GET /tenants/{slug}/questions and the answer to one."""

from __future__ import annotations

import pytest

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.questions import waiting

pytestmark = pytest.mark.django_db
QUESTIONS = "/tenants/alpha/questions"


def test_open_questions_are_listed_and_answered(tenant: Tenant, member: Actor) -> None:
    asked = waiting(tenant, timeout="PT1H")
    listed = member.portal().get(QUESTIONS, {"open": "true"})
    [one] = listed["questions"]
    assert (one["task_instance_id"], one["subject"], one["open"]) == (str(asked.one.id), "Deploy?", True)
    assert one["due_at"] is not None
    said = member.portal().post(f"{QUESTIONS}/{asked.one.id}/answer", {"chosen_options": ["Approve"]})
    assert (said.status, said["open"], said["responded_by"]["id"]) == (200, False, member.user.username)
    row = asked.row()
    assert (row.state, row.next_kwargs["event"]["chosen_options"]) == ("scheduled", ["Approve"])
    assert member.portal().get(QUESTIONS, {"open": "true"})["total_entries"] == 0
    [entry] = member.v2().get("/eventLogs")["event_logs"]
    assert (entry["event"], entry["owner"]) == ("update_hitl_detail", member.user.username)
    again = member.portal().post(f"{QUESTIONS}/{asked.one.id}/answer", {"chosen_options": ["Reject"]})
    assert (again.status, again["code"]) == (409, "already-answered")


def test_refusals_name_themselves(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    asked = waiting(tenant, assigned_users=[{"id": "somebody", "name": "S"}])
    path = f"{QUESTIONS}/{asked.one.id}/answer"
    refused = member.portal().post(path, {"chosen_options": ["Approve"]})
    assert (refused.status, refused["code"]) == (403, "not-asked")
    assert viewer.portal().post(path, {"chosen_options": ["Approve"]})["code"] == "permission-missing"
    assert member.portal().post(path, {"chosen_options": []}).status == 422
    assert asked.row().state == "awaiting_input"


def test_what_is_no_option_is_no_answer(tenant: Tenant, member: Actor) -> None:
    asked = waiting(tenant)
    said = member.portal().post(f"{QUESTIONS}/{asked.one.id}/answer", {"chosen_options": ["Perhaps"]})
    assert (said.status, said["code"]) == (422, "answer-invalid")


def test_strangers_hear_of_nothing(tenant: Tenant, stranger: Actor, other_tenant: Tenant) -> None:
    asked = waiting(tenant)
    assert stranger.portal().get(QUESTIONS).status == 404
    body = {"chosen_options": ["Approve"]}
    assert stranger.portal().post(f"{QUESTIONS}/{asked.one.id}/answer", body).status == 404
    theirs = f"/tenants/{other_tenant.slug}/questions"
    assert stranger.portal().get(theirs)["questions"] == []
    assert stranger.portal().post(f"{theirs}/{asked.one.id}/answer", body).status == 404
    assert asked.row().state == "awaiting_input"
