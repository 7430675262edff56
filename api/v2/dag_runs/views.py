"""GET, POST /dags/{dag_id}/dagRuns; GET, PATCH, DELETE …/{dag_run_id}; POST …/list."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec
from django.db.models import QuerySet

from api.v2.body_ranges import body_range
from api.v2.cursors import COUNT_LIMIT, cursor_page
from api.v2.dag_runs.bodies import PatchBody, RunsBatchBody, TriggerBody
from api.v2.dag_runs.bulk import refusal_to_delete
from api.v2.dag_runs.search import ORDERS, all_runs, conf_contains, search_runs
from api.v2.dag_runs.shape import run_responses
from api.v2.listing import any_of, ordered, ordering, page, within
from api.v2.operation import Call, Reply, operation
from api.v2.query import MAX_PAGE, aware
from api.v2.refusals import Refusal, not_found
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.runs.delete import RunBusy, delete_run
from controlplane.runs.mark import mark_run
from controlplane.runs.trigger import (
    DagNotRunnable,
    DagUnknown,
    LogicalDateTaken,
    RunExists,
    RunRefused,
    RunTypeDenied,
    trigger_run,
)
from domain.timetables.partitions import localised
from domain.timetables.schedule import Schedule


@operation("runs.read")
def get_dag_runs(call: Call, dag_id: str) -> Any:
    """Runs of one DAG, or with `~` of all: by offset, or by cursor when `cursor` is given."""
    rows = all_runs()
    if dag_id != "~":
        if not Dag.objects.filter(dag_id=dag_id).exists():
            raise not_found(f"The Dag with ID: `{dag_id}` was not found")
        rows = rows.filter(dag_id=dag_id)
    rows = _within_partitions(rows, call, dag_id)
    rows = search_runs(rows, call.query, now=call.now)
    cursor = call.query.text("cursor")
    if cursor is None:
        found, total = page(rows, call.query, ORDERS, default="id")
        return {"dag_runs": run_responses(found), "total_entries": total, **_by_offset()}
    columns = ordering(call.query.texts("order_by"), ORDERS, default="id")
    paged = cursor_page(rows, cursor=cursor, limit=call.query.limit(), columns=columns, read=getattr)
    return {
        "dag_runs": run_responses(paged.rows),
        "total_entries": paged.total,
        "total_entries_limit": COUNT_LIMIT,
        "next_cursor": paged.next_cursor,
        "previous_cursor": paged.previous_cursor,
    }


@operation("runs.read")
def get_list_dag_runs_batch(call: Call, dag_id: str) -> Any:
    """Runs by a body of filters; `dag_id` in the path is `~`."""
    if dag_id != "~":
        raise Refusal(
            422,
            [
                {
                    "type": "literal_error",
                    "loc": ["path", "dag_id"],
                    "msg": "Input should be '~'",
                    "input": dag_id,
                }
            ],
        )
    body = call.body(RunsBatchBody)
    rows = any_of(all_runs(), "dag_id", body.dag_ids or [])
    rows = any_of(rows, "state", body.states or [])
    rows = within(rows, "logical_date", body_range(body, "logical_date"))
    rows = within(rows, "run_after", body_range(body, "run_after"))
    rows = within(rows, "start_date", body_range(body, "start_date"))
    rows = within(rows, "end_date", body_range(body, "end_date"))
    rows = within(rows, "seconds", body_range(body, "duration"))
    if body.conf_contains:
        rows = conf_contains(rows, body.conf_contains)
    columns = ordering([body.order_by] if body.order_by else [], ORDERS, default="id")
    end = body.page_offset + min(body.page_limit, MAX_PAGE)
    found = list(ordered(rows, columns)[body.page_offset : end])
    return {"dag_runs": run_responses(found), "total_entries": rows.count(), **_by_offset()}


@operation("runs.read")
def get_dag_run(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """One run."""
    return run_responses([read_run(dag_id, dag_run_id)])[0]


@operation("runs.edit", event="trigger_dag_run", records=("dag_run_id", "logical_date", "run_after", "note"))
def trigger_dag_run(call: Call, dag_id: str) -> Any:
    """A new run of the DAG's newest version."""
    body = call.body(TriggerBody)
    dag = Dag.objects.filter(dag_id=dag_id, is_stale=False).first()
    if dag is None:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found")
    if dag.has_import_errors:
        raise Refusal(400, f"Dag with dag_id: '{dag_id}' has import errors and cannot be triggered")
    try:
        run = trigger_run(
            dag_id=dag_id,
            run_id=body.dag_run_id,
            logical_date=body.logical_date,
            run_after=None if body.run_after is None else aware(body.run_after),
            conf=body.conf,
            note=body.note,
            triggered_by="ui" if call.http.headers.get("Referer") else "rest_api",
            user=call.access.name,
            now=call.now,
            data_interval=_interval(body),
            partition_key=body.partition_key,
        )
    except DagUnknown as error:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found") from error
    except (DagNotRunnable, RunTypeDenied, RunRefused) as error:
        raise Refusal(400, str(error)) from error
    except (RunExists, LogicalDateTaken) as error:
        raise Refusal(409, _already_there(str(error))) from error
    return run_responses([read_run(dag_id, run.run_id)])[0]


@operation("runs.edit", event="patch_dag_run", records=("note", "state"))
def patch_dag_run(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Write the note, say the state."""
    body = call.body(PatchBody)
    run = read_run(dag_id, dag_run_id)
    mask = set(call.query.texts("update_mask"))
    wanted = body.model_fields_set & mask if mask else body.model_fields_set
    if "note" in wanted:
        DagRun.objects.filter(id=run.id).update(note=body.note or None)
    if "state" in wanted and body.state is not None:
        mark_run(run=run, state=body.state, by=call.access.name, now=call.now)
    return run_responses([read_run(dag_id, dag_run_id)])[0]


@operation("runs.edit", event="delete_dag_run")
def delete_dag_run(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Gone, with all of it."""
    run = read_run(dag_id, dag_run_id)
    try:
        delete_run(run=run)
    except RunBusy as error:
        raise Refusal(409, refusal_to_delete(run, str(error))) from error
    return Reply(204)


def read_run(dag_id: str, dag_run_id: str) -> DagRun:
    """The row, or Airflow's 404."""
    row = DagRun.objects.filter(dag_id=dag_id, run_id=dag_run_id).first()
    if row is None:
        raise not_found(f"The DagRun with dag_id: `{dag_id}` and run_id: `{dag_run_id}` was not found")
    return row


def _within_partitions(rows: QuerySet[DagRun], call: Call, dag_id: str) -> QuerySet[DagRun]:
    """Runs of partitions within calendar days, both inclusive, as the timetable's own clock counts them."""
    first, last = call.query.date("partition_date_gte"), call.query.date("partition_date_lte")
    if first is None and last is None:
        return rows
    both = "partition_date_gte and partition_date_lte"
    if dag_id == "~":
        raise Refusal(400, f"{both} require a specific dag_id.")
    told = Dag.objects.filter(dag_id=dag_id).values_list("schedule", flat=True).first()
    schedule = None if told is None else msgspec.convert(told, Schedule)
    if schedule is None or not schedule.is_partitioned:
        raise Refusal(400, f"Dag with dag_id: '{dag_id}' is not partitioned; {both} are not supported.")
    if first is not None:
        rows = rows.filter(partition_date__gte=_midnight(schedule, first))
    if last is not None:
        rows = rows.filter(partition_date__lt=_midnight(schedule, last + timedelta(days=1)))
    return rows


def _midnight(schedule: Schedule, day: date) -> datetime:
    return localised(schedule.timetable, datetime.combine(day, time.min))


def _interval(body: TriggerBody) -> tuple[datetime, datetime] | None:
    if body.data_interval_start is None or body.data_interval_end is None:
        return None
    return body.data_interval_start, body.data_interval_end


def _already_there(message: str) -> dict[str, str]:
    """As Airflow's handler of unique-key violations tells it, without showing statements."""
    reason = "Unique constraint violation"
    return {"reason": reason, "statement": "hidden", "orig_error": "hidden", "message": message}


def _by_offset() -> dict[str, None]:
    return {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
