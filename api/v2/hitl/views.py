"""…/taskInstances/{task_id}/{map_index}/hitlDetails: a question and its answer; …/dagRuns/{id}/hitlDetails: all."""

from __future__ import annotations

from typing import Annotated, Any

from django.db.models import Exists, OuterRef, QuerySet
from pydantic import BaseModel, ConfigDict, Field

from api.v2.dag_runs.search import chosen
from api.v2.hitl.shape import detail, detail_responses
from api.v2.listing import any_of, page, patterns, searched, within
from api.v2.operation import Call, operation
from api.v2.query import Query
from api.v2.refusals import Refusal, not_found
from api.v2.task_instances.search import STATES, all_instances
from api.v2.task_instances.tries import tries_of
from controlplane.execution import hitl
from controlplane.ledger.models.hitl_detail import HitlDetail
from controlplane.ledger.models.task_instance import TaskInstance

ORDERS = {
    "ti_id": "task_instance_id",
    "subject": "subject",
    "responded_at": "responded_at",
    "created_at": "created_at",
    "responded_by_user_id": "responded_by__id",
    "responded_by_user_name": "responded_by__name",
    "dag_id": "task_instance__dag_id",
    "run_id": "task_instance__run_id",
    "task_display_name": "task_instance__task_id",
    "run_after": "task_instance__dag_run__run_after",
    "rendered_map_index": "task_instance__rendered_map_index",
    "task_instance_operator": "task_instance__operator",
    "task_instance_state": "task_instance__state",
}


class AnswerBody(BaseModel):
    """Airflow's UpdateHITLDetailPayload."""

    model_config = ConfigDict(extra="ignore")

    chosen_options: Annotated[list[str], Field(min_length=1)]
    params_input: dict[str, Any] = {}


@operation("runs.edit", event="update_hitl_detail", records=("chosen_options",))
def update_hitl_detail(call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> Any:
    """Answer. Only who was asked may, and the first answer counts; a task that waits goes on at once."""
    body = call.body(AnswerBody)
    row = _instance(dag_id, dag_run_id, task_id, map_index)
    try:
        found = hitl.answer(
            task_instance=row.id,
            chosen=body.chosen_options,
            params_input=body.params_input,
            user=call.access.name,
            also_known_as={str(call.access.user_id)} if call.access.user_id else set(),
            now=call.now,
        )
    except hitl.QuestionUnknown:
        raise _absent(row) from None
    except hitl.AlreadyAnswered:
        raise Refusal(
            409,
            f"Human-in-the-loop detail has already been updated for Task Instance with id {row.id} "
            "and is not allowed to write again.",
        ) from None
    except hitl.NotAsked as error:
        raise Refusal(403, str(error)) from None
    except hitl.AnswerInvalid as error:
        raise Refusal(400, str(error)) from None
    return {
        "responded_by": found.responded_by,
        "responded_at": found.responded_at,
        "chosen_options": found.chosen_options,
        "params_input": found.params_input,
    }


@operation("runs.read")
def get_hitl_detail(call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> Any:
    """What the task instance asked last."""
    row = _instance(dag_id, dag_run_id, task_id, map_index)
    found = _newest().filter(task_instance_id=row.id).first()
    if found is None:
        raise _absent(row)
    return detail_responses([found])[0]


@operation("runs.read")
def get_hitl_detail_try_detail(
    call: Call, dag_id: str, dag_run_id: str, task_id: str, map_index: int, try_number: int
) -> Any:
    """What one try asked."""
    row = _instance(dag_id, dag_run_id, task_id, map_index)
    found = HitlDetail.objects.filter(task_instance_id=row.id, try_number=try_number).first()
    tries = tries_of(dag_id, dag_run_id, task_id, map_index)
    of = next((one for one in tries if one["try_number"] == try_number), None)
    if found is None or of is None:
        raise _absent(row)
    return {**detail(found), "task_instance": of}


@operation("runs.read")
def get_hitl_details(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Questions of one run; `~` stands for all runs, or all DAGs."""
    rows = _newest()
    if dag_id != "~":
        rows = rows.filter(task_instance__dag_id=dag_id)
    if dag_run_id != "~":
        rows = rows.filter(task_instance__run_id=dag_run_id)
    found, total = page(_filtered(rows, call.query), call.query, ORDERS, default="ti_id")
    return {"hitl_details": detail_responses(found), "total_entries": total}


def _filtered(rows: QuerySet[HitlDetail], query: Query) -> QuerySet[HitlDetail]:
    if (task_id := query.text("task_id")) is not None:
        rows = rows.filter(task_instance__task_id=task_id)
    if (map_index := query.integer("map_index")) is not None:
        rows = rows.filter(task_instance__map_index=map_index)
    rows = any_of(rows, "task_instance__state", chosen(query.texts("state"), STATES, "state"))
    if (received := query.boolean("response_received")) is not None:
        rows = rows.filter(responded_at__isnull=not received)
    rows = any_of(rows, "responded_by__id", query.texts("responded_by_user_id"))
    rows = any_of(rows, "responded_by__name", query.texts("responded_by_user_name"))
    rows = searched(rows, query, subject_search="subject", body_search="body")
    rows = within(rows, "created_at", query.instants("created_at"))
    return patterns(rows, query, dag_id="task_instance__dag_id", task_id="task_instance__task_id")


def _newest() -> QuerySet[HitlDetail]:
    """The last question of each task instance."""
    later = HitlDetail.objects.filter(
        task_instance_id=OuterRef("task_instance_id"), try_number__gt=OuterRef("try_number")
    )
    return HitlDetail.objects.select_related("task_instance__dag_run").filter(~Exists(later))


def _instance(dag_id: str, dag_run_id: str, task_id: str, map_index: int) -> TaskInstance:
    row = (
        all_instances().filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index).first()
    )
    if row is None:
        raise not_found(
            f"The Task Instance with dag_id: `{dag_id}`, run_id: `{dag_run_id}`, task_id: `{task_id}` and "
            f"map_index: `{map_index}` was not found"
        )
    return row


def _absent(row: TaskInstance) -> Refusal:
    return not_found(f"Human-in-the-loop detail does not exist for Task Instance with id {row.id}")
