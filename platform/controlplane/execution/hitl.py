"""What tasks ask people, and the answers: Airflow's "human in the loop".

A task asks while it runs and then waits as `awaiting_input`, without a slot and without a process. An answer moves
it in the transaction that stores it; a time-out is a work item (`ledger.deferral.time_out_input`). Locks: the task
instance first, then its question, as parking and timing out do.
Called by `api/execution` (the task), `api/v2` and the portal (people).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import notify
from controlplane.ledger.deferral import resume_answered
from controlplane.ledger.models.hitl_detail import HitlDetail
from controlplane.ledger.models.task_instance import TaskInstance
from domain.ids import uuid7
from tenants.scope import require_tenant

RESERVED = frozenset({"__classname__", "__version__", "__data__", "__id__", "__type", "__var"})
"""Keys that Airflow's serialiser reads as classes: in an answer they would be made into objects in the task."""


class QuestionUnknown(LookupError):
    """The task instance did not ask (yet)."""


class AlreadyAnswered(Exception):
    """An answer is stored, and the first one counts."""


class NotAsked(PermissionError):
    """The question is for other people."""


class AnswerInvalid(ValueError):
    """Not one of the options, more than one where one is wanted, or values that cannot be given."""


@dataclass(frozen=True, slots=True)
class Question:
    """As Airflow's HITL operators ask."""

    options: Sequence[str]
    subject: str
    body: str | None
    defaults: Sequence[str] | None
    multiple: bool
    params: Mapping[str, Any]
    assigned_users: Sequence[Mapping[str, str]]


def ask(*, task_instance: UUID, question: Question, now: datetime) -> HitlDetail:
    """The question of this try. Asked again in the same try, the first wording stays and an answer is forgotten."""
    row = _lock(task_instance)
    found = _questions(row).filter(try_number=row.try_number).select_for_update().first()
    if found is None:
        found = HitlDetail(
            id=uuid7(),
            tenant_id=require_tenant(),
            task_instance_id=row.id,
            try_number=row.try_number,
            options=list(question.options),
            subject=question.subject,
            body=question.body,
            defaults=None if question.defaults is None else list(question.defaults),
            multiple=question.multiple,
            params=dict(question.params),
            assignees=[dict(user) for user in question.assigned_users],
            created_at=now,
            params_input={},
        )
        found.save(force_insert=True)
    elif found.responded_at is not None:
        found.responded_by = found.responded_at = found.chosen_options = None
        found.params_input = {}
        found.save(update_fields=["responded_by", "responded_at", "chosen_options", "params_input"])
    return found


def newest(*, task_instance: UUID) -> HitlDetail:
    """What a task instance asked last. Raises QuestionUnknown."""
    found = HitlDetail.objects.filter(task_instance_id=task_instance).order_by("-try_number").first()
    if found is None:
        raise QuestionUnknown("HITLDetail not found")
    return found


def answer_by_trigger(
    *, task_instance: UUID, chosen: Sequence[str], params_input: Mapping[str, Any], now: datetime
) -> HitlDetail:
    """Nobody answered: the trigger of an older HITL operator stores its defaults. Raises QuestionUnknown,
    AlreadyAnswered. The trigger's own event resumes the task. The same again, because its answer was lost, is stored."""
    _lock(task_instance)
    found = _lock_question(task_instance)
    told = (found.chosen_options, found.params_input)
    if found.responded_at and found.responded_by is None and told == (list(chosen), dict(params_input)):
        return found
    _store(found, chosen, params_input, None, now)
    return found


def answer(
    *,
    task_instance: UUID,
    chosen: Sequence[str],
    params_input: Mapping[str, Any],
    user: str,
    also_known_as: Collection[str] = (),
    now: datetime,
) -> HitlDetail:
    """Somebody's answer; a task that waits for it goes on at once. `user` is the id that is stored and shown.

    Raises QuestionUnknown, AlreadyAnswered, NotAsked, AnswerInvalid.
    """
    _lock(task_instance)
    found = _lock_question(task_instance)
    if found.responded_at is not None:
        raise AlreadyAnswered
    asked = {one["id"] for one in found.assignees or []}
    if asked and not asked & {user, *also_known_as}:
        raise NotAsked(f"User={user} (id={user}) is not a respondent for the task.")
    wrong = sorted(set(chosen) - set(found.options))
    if wrong:
        raise AnswerInvalid(f"Invalid options {wrong}; allowed options are {sorted(set(found.options))}.")
    if not found.multiple and len(chosen) > 1:
        raise AnswerInvalid(
            "Multiple options chosen but this Human-in-the-loop task accepts only a single option."
        )
    if name := _reserved(params_input):
        raise AnswerInvalid(f"params_input may not hold the key {name!r}.")
    _store(found, chosen, params_input, {"id": user, "name": user}, now)
    if resume_answered(ids=[task_instance], now=now):
        notify("work", str(require_tenant()))
    return found


def _store(
    found: HitlDetail,
    chosen: Sequence[str],
    params_input: Mapping[str, Any],
    by: dict[str, str] | None,
    now: datetime,
) -> None:
    if found.responded_at is not None:
        raise AlreadyAnswered
    found.responded_at, found.responded_by = now, by
    found.chosen_options, found.params_input = list(chosen), dict(params_input)
    found.save(update_fields=["responded_by", "responded_at", "chosen_options", "params_input"])


def _lock(task_instance: UUID) -> TaskInstance:
    row = TaskInstance.objects.select_for_update(no_key=True).filter(id=task_instance).first()
    if row is None:
        raise QuestionUnknown("Task Instance not found")
    return row


def _questions(row: TaskInstance) -> Any:
    return HitlDetail.objects.filter(task_instance_id=row.id)


def _lock_question(task_instance: UUID) -> HitlDetail:
    found = (
        HitlDetail.objects.select_for_update()
        .filter(task_instance_id=task_instance)
        .order_by("-try_number")
        .first()
    )
    if found is None:
        raise QuestionUnknown("HITLDetail not found")
    return found


def _reserved(value: Any) -> str | None:
    if isinstance(value, Mapping):
        for key, held in value.items():
            if key in RESERVED:
                return str(key)
            if name := _reserved(held):
                return name
    elif isinstance(value, list):
        for held in value:
            if name := _reserved(held):
                return name
    return None
