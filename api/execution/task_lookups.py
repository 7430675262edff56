"""`/task-instances/count`, `/states`, `/breadcrumbs`, `/previous/…`, `/task-reschedules/…`: what a task may ask
about task instances of its tenant."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from api.execution.answers import answer, malformed, not_found
from api.execution.bodies import instants, number, required
from api.execution.gate import Call, Rule, allow
from controlplane.execution import task_lookups
from controlplane.execution.attempts import Stage
from controlplane.execution.task_lookups import TaskGroupUnknown, Which
from domain.states import TaskState

ASK = Rule(stage=Stage.SETTLING)


@allow(ASK)
def count(call: Call) -> HttpResponse:
    """GET count: a bare number."""
    query = call.request.GET
    try:
        found = task_lookups.count_tasks(
            which=_which(call.request), states=query.getlist("states"), group_id=query.get("task_group_id")
        )
    except TaskGroupUnknown as error:
        raise not_found(str(error)) from None
    return answer(found)


@allow(ASK)
def states(call: Call) -> HttpResponse:
    """GET states: by run, then by task."""
    try:
        found = task_lookups.task_states(
            which=_which(call.request), group_id=call.request.GET.get("task_group_id")
        )
    except TaskGroupUnknown as error:
        raise not_found(str(error)) from None
    return answer({"task_states": found})


@allow(ASK)
def breadcrumbs(call: Call) -> HttpResponse:
    """GET breadcrumbs: the finished tasks of a run."""
    found = task_lookups.breadcrumbs(
        dag_id=required(call.request, "dag_id"), run_id=required(call.request, "run_id")
    )
    return answer({"breadcrumbs": found})


@allow(ASK)
def previous(call: Call, dag_id: str, task_id: str) -> HttpResponse:
    """GET previous/{dag_id}/{task_id}: null when there is none."""
    state = call.request.GET.get("state")
    if state is not None and state not in list(TaskState):
        raise malformed(place=("query", "state"), message=f"not a state: {state!r}", kind="enum")
    before = instants(call.request, "logical_date")
    map_index = number(call.request, "map_index", -1)
    found = task_lookups.previous_task(
        dag_id=dag_id,
        task_id=task_id,
        map_index=-1 if map_index is None else map_index,
        before=before[-1] if before else None,
        state=state,
    )
    return answer(found)


@allow(Rule(stage=Stage.RUNNING, own=True))
def reschedule_start(call: Call) -> HttpResponse:
    """GET task-reschedules/{id}/start_date: null before the first reschedule."""
    return answer(task_lookups.first_reschedule(task_instance_id=call.attempt.id))


def _which(request: HttpRequest) -> Which:
    return Which(
        dag_id=required(request, "dag_id"),
        task_ids=request.GET.getlist("task_ids"),
        run_ids=request.GET.getlist("run_ids"),
        logical_dates=instants(request, "logical_dates"),
        map_index=number(request, "map_index"),
    )
