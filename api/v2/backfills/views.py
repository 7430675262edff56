"""GET, POST /backfills; POST …/dry_run; GET …/{backfill_id}; PUT …/{backfill_id}/pause, unpause, cancel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpResponse
from pydantic import NonNegativeInt, TypeAdapter, ValidationError

from api.v2.backfills.bodies import BackfillBody
from api.v2.backfills.shape import backfill_responses, dry_run_response
from api.v2.listing import page
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, invalid, not_found, wrong
from controlplane.ledger.models.backfill import Backfill
from controlplane.runs.backfill import (
    BackfillCompleted,
    BackfillRunning,
    BackfillUnknown,
    NoRunsToCreate,
    cancel_backfill,
    create_backfill,
    pause_backfill,
    preview_backfill,
)
from controlplane.runs.past_runs import IntervalsAwaited
from controlplane.runs.trigger import DagUnknown
from domain.backfills import BackfillInvalid, RunTypeNotAllowed

ORDERS = {"id": "serial"}
_NUMBER = TypeAdapter(NonNegativeInt)


@operation("runs.read")
def list_backfills(call: Call) -> Any:
    """The backfills of one DAG, which must be named."""
    dag_id = call.query.text("dag_id")
    if dag_id is None:
        raise wrong(("query", "dag_id"), "Field required", None, kind="missing")
    rows = Backfill.objects.filter(dag_id=dag_id)
    found, total = page(rows, call.query, ORDERS, default="id", key="serial")
    return {"backfills": backfill_responses(found), "total_entries": total}


@operation("runs.read")
def get_backfill(call: Call, backfill_id: str) -> Any:
    """One backfill."""
    row = Backfill.objects.filter(serial=_number(backfill_id)).first()
    if row is None:
        raise not_found("Backfill not found")
    return backfill_responses([row])[0]


@operation(
    "runs.edit",
    event="create_backfill",
    records=("dag_id", "from_date", "to_date", "run_backwards", "reprocess_behavior", "max_active_runs"),
)
def post_backfill(call: Call) -> Any:
    """All its runs are made; they begin in their order."""
    body = call.body(BackfillBody)
    with _refusals(body.dag_id):
        try:
            row = create_backfill(asked=body.asked(), user=call.access.name, now=call.now)
        except IntervalsAwaited as error:
            return _later(error)
    return backfill_responses([row])[0]


@operation("runs.edit")
def post_dry_run(call: Call) -> Any:
    """The instants that would get a run. Changes nothing."""
    body = call.body(BackfillBody)
    with _refusals(body.dag_id):
        try:
            return dry_run_response(preview_backfill(asked=body.asked(), now=call.now).runs)
        except IntervalsAwaited as error:
            return _later(error)


@operation("runs.edit", event="pause_backfill")
def put_pause(call: Call, backfill_id: str) -> Any:
    """No further run begins."""
    with _refusals():
        row = pause_backfill(serial=_number(backfill_id), is_paused=True, now=call.now)
    return backfill_responses([row])[0]


@operation("runs.edit", event="unpause_backfill")
def put_unpause(call: Call, backfill_id: str) -> Any:
    """Runs begin again."""
    with _refusals():
        row = pause_backfill(serial=_number(backfill_id), is_paused=False, now=call.now)
    return backfill_responses([row])[0]


@operation("runs.edit", event="cancel_backfill")
def put_cancel(call: Call, backfill_id: str) -> Any:
    """What has not begun fails."""
    with _refusals():
        row = cancel_backfill(serial=_number(backfill_id), now=call.now)
    return backfill_responses([row])[0]


@contextmanager
def _refusals(dag_id: str = "") -> Iterator[None]:
    """The service's refusals with Airflow's codes; a range that makes no sense is a 422 with a sentence."""
    try:
        yield
    except (BackfillUnknown, DagUnknown) as error:
        raise not_found(str(error)) from error
    except BackfillRunning as error:
        raise Refusal(409, f"There is already a running backfill for dag {dag_id}") from error
    except BackfillCompleted as error:
        raise Refusal(409, str(error)) from error
    except RunTypeNotAllowed as error:
        raise Refusal(400, str(error)) from error
    except (BackfillInvalid, NoRunsToCreate) as error:
        raise Refusal(422, str(error)) from error


def _later(error: IntervalsAwaited) -> HttpResponse:
    """Returned, not raised: what was asked of the tenant's runtime is committed."""
    return Refusal(503, str(error), {"Retry-After": "2"}).answer()


def _number(text: str) -> int:
    try:
        return min(_NUMBER.validate_python(text), 2**62)
    except ValidationError as error:
        raise invalid(error, ("path", "backfill_id")) from error
