"""`/task-instances/{id}/…`: how a task starts, beats, tells what it rendered, and ends."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from api.execution.answers import Refusal, answer, done, malformed, not_found, reasoned
from api.execution.bodies import EnterRunning, Heartbeat, SkipDownstream, read_body, read_state
from api.execution.gate import Call, Rule, allow
from controlplane.execution import beat, rendered, report, run_lookups, start
from controlplane.execution.attempts import Stage
from taskwire.agent import Operation, Report, Verdict

OWN_RUNNING = Rule(stage=Stage.RUNNING, own=True)
MOVE = Rule(stage=Stage.ANY, own=True, superseded=409)


@allow(MOVE)
def run(call: Call) -> HttpResponse:
    """PATCH run: the supervisor has the task and starts it now."""
    body = read_body(call.request, EnterRunning)
    try:
        context = start.start_task(
            task_instance_id=call.attempt.id,
            epoch=call.claims.epoch,
            hostname=body.hostname,
            unixname=body.unixname,
            pid=body.pid,
            now=call.now,
        )
    except start.StartRefused as error:
        raise reasoned(
            409,
            "invalid_state",
            "TI was not in a state where it could be marked as running",
            previous_state=error.state,
        ) from None
    return answer(context)


@allow(MOVE)
def put_state(call: Call) -> HttpResponse:
    """PATCH state: the try ended or pauses. Told twice, it is 200 the second time."""
    body = read_state(call.request)
    verdict = _report(call, Operation(kind="state", body=body))
    if verdict.verdict == "accepted":
        return done(status=200 if verdict.reason == "known" else 204)
    if verdict.reason == "unknown":
        raise not_found("Task Instance not found")
    if verdict.reason == "invalid":
        raise malformed(place=("body",), message=verdict.message)
    raise reasoned(
        409,
        "invalid_state",
        "TI was not in the running state so it cannot be updated",
        previous_state=verdict.stored,
    )


@allow(Rule(stage=Stage.ANY, own=True))
def heartbeat(call: Call) -> HttpResponse:
    """PUT heartbeat. A refusal makes the supervisor end the task."""
    body = read_body(call.request, Heartbeat)
    attempt = call.attempt
    if beat.beat(
        task_instance_id=attempt.id,
        epoch=attempt.epoch,
        hostname=body.hostname,
        pid=body.pid,
        now=call.now,
    ):
        return done()
    if (attempt.hostname, attempt.pid) != (body.hostname, body.pid):
        raise reasoned(
            409,
            "running_elsewhere",
            "TI is already running elsewhere",
            current_hostname=attempt.hostname,
            current_pid=attempt.pid,
        )
    raise reasoned(
        409,
        "not_running",
        "TI is no longer in the running state and task should terminate",
        current_state=attempt.state,
    )


@allow(Rule(stage=Stage.SETTLING, own=True))
def put_rendered_fields(call: Call) -> HttpResponse:
    """PUT rtif: the rendered template fields."""
    fields = read_body(call.request, dict[str, Any])
    rendered.put_rendered_fields(task_instance_id=call.attempt.id, epoch=call.claims.epoch, fields=fields)
    return answer({"message": "Rendered task instance fields successfully set"}, status=201)


@allow(OWN_RUNNING)
def put_rendered_map_index(call: Call) -> HttpResponse:
    """PATCH rendered-map-index: the label of a mapped task instance."""
    label = read_body(call.request, str)
    if not label:
        raise Refusal(422, "rendered_map_index cannot be empty")
    _accept(_report(call, Operation(kind="rendered_map_index", body={"rendered_map_index": label})))
    return done()


@allow(OWN_RUNNING)
def skip_downstream(call: Call) -> HttpResponse:
    """PATCH skip-downstream: a branch did not choose these tasks."""
    body = read_body(call.request, SkipDownstream)
    # A plain name is the unmapped instance, as in Airflow.
    tasks = [[task, -1] if isinstance(task, str) else list(task) for task in body.tasks]
    _accept(_report(call, Operation(kind="skip_downstream", body={"tasks": tasks})))
    return done()


@allow(Rule(stage=Stage.SETTLING, own=True, callbacks=True))
def previous_successful_run(call: Call) -> HttpResponse:
    """GET previous-successful-dagrun: for the template context."""
    return answer(run_lookups.previous_success(task_instance_id=call.attempt.id))


def _report(call: Call, operation: Operation) -> Verdict:
    told = Report(
        id=str(call.attempt.id),
        tenant_id=str(call.claims.tenant_id),
        epoch=call.claims.epoch,
        operations=[operation],
    )
    return report.apply(reports=[told], now=call.now)[0]


def _accept(verdict: Verdict) -> None:
    if verdict.verdict != "accepted":
        raise reasoned(410, "not_running", verdict.message)
