"""`/dag-runs/…`: ask about runs of the tenant, and trigger one."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse

from api.execution import versions
from api.execution.answers import answer, done, malformed, not_found, reasoned
from api.execution.bodies import TriggerRun, instants, read_body, required
from api.execution.gate import Call, Rule, allow
from controlplane.execution import run_lookups
from controlplane.execution.attempts import Stage
from controlplane.execution.run_lookups import RunUnknown
from controlplane.foundation.db import uuid_or_none
from controlplane.ledger.clearing import exclude_rounds
from controlplane.runs import trigger
from controlplane.runs.chains import ChainReturns, check_again, check_chain, is_repeated, remember_chain
from controlplane.runs.clear import clear_run, find_run, rerun_with_latest
from domain.states import RunState

ASK = Rule(stage=Stage.SETTLING)
ACT = Rule(stage=Stage.RUNNING)


@allow(ASK)
def detail(call: Call, dag_id: str, run_id: str) -> HttpResponse:
    """GET."""
    try:
        return answer(run_lookups.run_detail(dag_id=dag_id, run_id=run_id))
    except RunUnknown as error:
        raise not_found(str(error)) from None


@allow(ASK)
def state(call: Call, dag_id: str, run_id: str) -> HttpResponse:
    """GET state."""
    try:
        return answer({"state": run_lookups.run_detail(dag_id=dag_id, run_id=run_id)["state"]})
    except RunUnknown as error:
        raise not_found(str(error)) from None


@allow(ACT)
def start(call: Call, dag_id: str, run_id: str) -> HttpResponse:
    """POST: a run in the name of whoever started the calling task's run."""
    body = read_body(call.request, TriggerRun)
    key = _request_key(call)
    _runnable(dag_id)
    caller = run_lookups.run_detail(dag_id=call.attempt.dag_id, run_id=call.attempt.run_id)
    try:
        chain = check_chain(
            caller_dag_id=call.attempt.dag_id,
            caller_run_id=call.attempt.run_id,
            dag_id=dag_id,
            now=call.now,
        )
        trigger.trigger_run(
            dag_id=dag_id,
            run_id=run_id,
            logical_date=body.logical_date,
            run_after=body.run_after,
            conf=body.conf,
            note=body.note,
            triggered_by="operator",
            user=caller["triggering_user_name"],
            partition_key=body.partition_key,
            run_type="operator_triggered",
            now=call.now,
        )
        remember_chain(dag_id=dag_id, run_id=run_id, chain=chain, request_key=key)
    except (trigger.RunExists, trigger.LogicalDateTaken, ChainReturns) as error:
        if is_repeated(dag_id=dag_id, run_id=run_id, request_key=key):
            return done()
        if isinstance(error, ChainReturns):
            raise reasoned(400, "trigger_loop", str(error)) from None
        message = f"A run already exists for Dag '{dag_id}' with run_id '{run_id}'"
        raise reasoned(409, "already_exists", message) from None
    except trigger.DagUnknown:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found") from None
    except trigger.RunTypeDenied:
        message = f"Dag with dag_id '{dag_id}' does not allow operator-triggered runs"
        raise reasoned(400, "denied_run_type", message) from None
    except ValueError as error:
        raise reasoned(400, "value_error", str(error)) from None
    return done()


@allow(ACT)
def start_called_previous(call: Call, dag_id: str) -> HttpResponse:
    """POST {dag_id}/previous: a run may be called so."""
    return start(call, dag_id=dag_id, run_id="previous")


@allow(ACT)
def clear(call: Call, dag_id: str, run_id: str) -> HttpResponse:
    """POST clear: every task instance of a run begins anew, that of the calling task too when it is its own."""
    _runnable(dag_id)
    key = _request_key(call)
    exclude_rounds()  # the same request may still be at work
    if is_repeated(dag_id=dag_id, run_id=run_id, request_key=key):
        return done()
    run = find_run(dag_id=dag_id, run_id=run_id)
    if run is None:
        raise not_found(f"Dag run with run_id: '{run_id}' not found")
    latest = rerun_with_latest(dag_id=dag_id, wanted=None)
    by = f"the task {call.attempt.dag_id}.{call.attempt.task_id}"
    try:
        chain = check_again(
            caller_dag_id=call.attempt.dag_id, caller_run_id=call.attempt.run_id, run=run, now=call.now
        )
    except ChainReturns as error:
        raise reasoned(400, "trigger_loop", str(error)) from None
    clear_run(run=run, by=by, latest=latest, now=call.now)
    remember_chain(dag_id=dag_id, run_id=run_id, chain=chain, request_key=key)
    return done()


@allow(ASK)
def count(call: Call) -> HttpResponse:
    """GET count: a bare number."""
    query = call.request.GET
    found = run_lookups.count_runs(
        dag_id=required(call.request, "dag_id"),
        logical_dates=instants(call.request, "logical_dates"),
        run_ids=query.getlist("run_ids"),
        states=query.getlist("states"),
    )
    return answer(found)


@allow(ASK)
def previous(call: Call) -> HttpResponse:
    """GET previous: null when there is none."""
    return _previous(call, required(call.request, "dag_id"))


def _previous(call: Call, dag_id: str) -> HttpResponse:
    before = instants(call.request, "logical_date")
    wanted = call.request.GET.get("state")
    if not before:
        required(call.request, "logical_date")
    if wanted is not None and wanted not in list(RunState):
        raise malformed(place=("query", "state"), message=f"not a state of a run: {wanted!r}", kind="enum")
    return answer(run_lookups.previous_run(dag_id=dag_id, before=before[-1], state=wanted))


@allow(ASK)
def previous_of(call: Call, dag_id: str) -> HttpResponse:
    """GET {dag_id}/previous, as versions before 2026-04-06 ask; since then it is a run called `previous`."""
    if (versions.negotiated(call.request.headers.get("airflow-api-version")) or "") >= "2026-04-06":
        return detail(call, dag_id=dag_id, run_id="previous")
    return _previous(call, dag_id)


def _request_key(call: Call) -> UUID | None:
    """What our agent calls a request that it may have to send twice; Airflow's own supervisor names none."""
    return uuid_or_none(call.request.headers.get("Idempotency-Key", ""))


def _runnable(dag_id: str) -> None:
    dag = run_lookups.dag_detail(dag_id=dag_id)
    if dag is None or dag["is_stale"]:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found")
    if dag["has_import_errors"]:
        message = f"Dag with dag_id '{dag_id}' has import errors and cannot be triggered"
        raise reasoned(400, "import_errors", message)
