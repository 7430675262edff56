"""GET /importErrors, /importErrors/{import_error_id} and /dagWarnings."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from api.v2.bundle_names import BUNDLE_NAME
from api.v2.listing import ordering, page, patterns
from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.pool import Pool

ORDERS = {
    "id": "serial",
    "import_error_id": "serial",
    "timestamp": "timestamp",
    "filename": "filename",
    "bundle_name": "serial",
    "stacktrace": "stacktrace",
}
UNKNOWN_POOL = "non-existent pool"
WARNING_TYPES = ("asset conflict", "non-existent pool", "runtime varying value")


@operation("dags.read")
def get_import_errors(call: Call) -> Any:
    """A page of files that give no DAGs, and why."""
    query = call.query
    rows = patterns(FileError.objects.all(), query, filename="filename")
    if (filename := query.text("filename")) is not None:
        rows = rows.filter(filename=filename)
    if (bundle := query.text("bundle_name")) is not None and bundle != BUNDLE_NAME:
        rows = rows.none()
    found, total = page(rows, query, ORDERS, default="id", key="serial")
    return {"import_errors": [_response(row) for row in found], "total_entries": total}


@operation("dags.read")
def get_import_error(call: Call, import_error_id: int) -> Any:
    """One of them."""
    row = FileError.objects.filter(serial=import_error_id).first()
    if row is None:
        raise not_found(f"The ImportError with import_error_id: `{import_error_id}` was not found")
    return _response(row)


@operation("dags.read")
def list_dag_warnings(call: Call) -> Any:
    """Airflow's warnings about DAGs, as they stand now: tasks that name a pool that is not there. (Such a task waits,
    and its held reason says so; other findings are told with the bundle.)"""
    kind = call.query.choice("warning_type", WARNING_TYPES)
    limit, offset = call.query.limit(), call.query.offset()
    allowed = {name: name for name in ("dag_id", "warning_type", "message", "timestamp")}
    columns = ordering(call.query.texts("order_by"), allowed, default="dag_id")
    found = [] if kind not in (None, UNKNOWN_POOL) else _pool_warnings(call.query.text("dag_id"))
    for name, descending in reversed(columns):
        if name in allowed:
            found.sort(key=lambda each: each[name], reverse=descending)
    return {"dag_warnings": found[offset : offset + limit], "total_entries": len(found)}


def _pool_warnings(dag_id: str | None) -> list[dict[str, Any]]:
    dags = Dag.objects.filter(is_stale=False, current_version_id__isnull=False)
    if dag_id is not None:
        dags = dags.filter(dag_id=dag_id)
    tasks = (
        DagTask.objects.filter(dag_version_id__in=dags.values("current_version_id"))
        .exclude(pool__in=Pool.objects.values("name"))
        .values_list("dag_version_id", "pool")
        .distinct()
    )
    missing: dict[UUID, list[str]] = {}
    for version, pool in tasks:
        missing.setdefault(version, []).append(pool)
    return [
        {
            "dag_id": dag.dag_id,
            "warning_type": UNKNOWN_POOL,
            "message": f"Dag '{dag.dag_id}' references non-existent pools: {sorted(missing[version])!r}",
            "timestamp": dag.last_parsed_at,
            "dag_display_name": dag.display_name or dag.dag_id,
        }
        for dag in dags.filter(current_version_id__in=list(missing)).order_by("dag_id")
        if (version := dag.current_version_id) is not None
    ]


def _response(row: FileError) -> dict[str, Any]:
    return {
        "import_error_id": row.serial,
        "timestamp": row.timestamp,
        "filename": row.filename,
        "bundle_name": BUNDLE_NAME,
        "stack_trace": row.stacktrace,
    }
