"""`/hitlDetails/{id}`: a running task asks a person; its trigger, if it has one, looks for the answer."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.http import HttpResponse

from api.execution.answers import Refusal, answer, reasoned
from api.execution.bodies import read_body
from api.execution.gate import Call, Rule, allow
from controlplane.execution import hitl
from controlplane.execution.attempts import Stage
from controlplane.ledger.models.hitl_detail import HitlDetail

Options = Annotated[list[str], msgspec.Meta(min_length=1)]


class User(msgspec.Struct, kw_only=True):
    id: str
    name: str


class Request(msgspec.Struct, kw_only=True):
    """Airflow's HITLDetailRequest."""

    ti_id: UUID
    options: Options
    subject: str
    body: str | None = None
    defaults: list[str] | None = None
    multiple: bool = False
    params: dict[str, Any] = {}
    assigned_users: list[User] = []


class Update(msgspec.Struct, kw_only=True):
    """Airflow's UpdateHITLDetailPayload."""

    ti_id: UUID
    chosen_options: Options
    params_input: dict[str, Any] = {}


@allow(Rule(stage=Stage.RUNNING, own=True))
def ask(call: Call) -> HttpResponse:
    """POST: the question of this try."""
    body = read_body(call.request, Request)
    question = hitl.Question(
        options=body.options,
        subject=body.subject,
        body=body.body,
        defaults=body.defaults,
        multiple=body.multiple,
        params=body.params,
        assigned_users=[{"id": user.id, "name": user.name} for user in body.assigned_users],
    )
    row = hitl.ask(task_instance=call.attempt.id, question=question, now=call.now)
    told = {
        "ti_id": str(call.attempt.id),
        "options": row.options,
        "subject": row.subject,
        "body": row.body,
        "defaults": row.defaults,
        "multiple": row.multiple,
        "params": row.params,
        "assigned_users": row.assignees or [],
    }
    return answer(told, status=201)


@allow(Rule(stage=Stage.SETTLING, own=True))
def read(call: Call) -> HttpResponse:
    """GET: the answer, if there is one."""
    try:
        return answer(_response(hitl.newest(task_instance=call.attempt.id)))
    except hitl.QuestionUnknown:
        raise _absent() from None


@allow(Rule(stage=Stage.SETTLING, own=True))
def update(call: Call) -> HttpResponse:
    """PATCH: nobody answered in time, the defaults count."""
    body = read_body(call.request, Update)
    try:
        row = hitl.answer_by_trigger(
            task_instance=call.attempt.id,
            chosen=body.chosen_options,
            params_input=body.params_input,
            now=call.now,
        )
    except hitl.QuestionUnknown:
        raise _absent() from None
    except hitl.AlreadyAnswered:
        raise Refusal(
            409,
            f"Human-in-the-loop detail for Task Instance with id {call.attempt.id} already exists.",
        ) from None
    return answer(_response(row))


def _response(row: HitlDetail) -> dict[str, Any]:
    return {
        "response_received": row.responded_at is not None,
        "responded_by_user": row.responded_by,
        "responded_at": row.responded_at,
        "chosen_options": row.chosen_options or [],
        "params_input": row.params_input or {},
    }


def _absent() -> Refusal:
    return reasoned(
        404,
        "not_found",
        "HITLDetail not found. "
        "This happens most likely due to clearing task instance before receiving response.",
    )
