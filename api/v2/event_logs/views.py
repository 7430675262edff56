"""GET /eventLogs and /eventLogs/{event_log_id}: who did what, when."""

from __future__ import annotations

import json
from typing import Any

from api.v2.listing import page, patterns
from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from controlplane.ledger.models.event_log import EventLog

ORDERS = {
    "id": "serial",
    "event_log_id": "serial",
    "dttm": "when",
    "when": "when",
    "dag_id": "dag_id",
    "task_id": "task_id",
    "run_id": "run_id",
    "event": "event",
    "logical_date": "logical_date",
    "owner": "owner",
    "extra": "extra",
}


@operation("audit.read")
def get_event_logs(call: Call) -> Any:
    """A page of the log."""
    query = call.query
    rows = EventLog.objects.all()
    for name in ("dag_id", "task_id", "run_id", "owner", "event"):
        if (text := query.text(name)) is not None:
            rows = rows.filter(**{name: text})
    for name in ("map_index", "try_number"):
        if (number := query.integer(name)) is not None:
            rows = rows.filter(**{name: number})
    if excluded := query.texts("excluded_events"):
        rows = rows.exclude(event__in=excluded)
    if included := query.texts("included_events"):
        rows = rows.filter(event__in=included)
    if (before := query.instant("before")) is not None:
        rows = rows.filter(when__lt=before)
    if (after := query.instant("after")) is not None:
        rows = rows.filter(when__gt=after)
    rows = patterns(
        rows, query, dag_id="dag_id", task_id="task_id", run_id="run_id", owner="owner", event="event"
    )
    found, total = page(rows, query, ORDERS, default="id", key="serial")
    return {"event_logs": [_response(row) for row in found], "total_entries": total}


@operation("audit.read")
def get_event_log(call: Call, event_log_id: int) -> Any:
    """One entry."""
    row = EventLog.objects.filter(serial=event_log_id).first()
    if row is None:
        raise not_found(f"The Event Log with id: `{event_log_id}` not found")
    return _response(row)


def _response(row: EventLog) -> dict[str, Any]:
    return {
        "event_log_id": row.serial,
        "when": row.when,
        "dag_id": row.dag_id,
        "task_id": row.task_id,
        "run_id": row.run_id,
        "map_index": row.map_index,
        "try_number": row.try_number,
        "event": row.event,
        "logical_date": row.logical_date,
        "owner": row.owner,
        "extra": None if row.extra is None else json.dumps(row.extra),
        "dag_display_name": row.dag_id,
        "task_display_name": row.task_id,
    }
