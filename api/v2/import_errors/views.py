"""GET /importErrors, /importErrors/{import_error_id} and /dagWarnings."""

from __future__ import annotations

from typing import Any

from api.v2.bundle_names import BUNDLE_NAME
from api.v2.listing import ordering, page, patterns
from api.v2.operation import Call, operation
from api.v2.refusals import not_found
from controlplane.ledger.models.import_error import ImportError as FileError

ORDERS = {
    "id": "serial",
    "import_error_id": "serial",
    "timestamp": "timestamp",
    "filename": "filename",
    "bundle_name": "serial",
    "stacktrace": "stacktrace",
}
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
    """Airflow's warnings about DAGs. None is recorded as such: findings are told with the bundle, and a task
    that names a pool that is not there says so in its held reason."""
    call.query.choice("warning_type", WARNING_TYPES)
    call.query.limit()
    call.query.offset()
    allowed = {name: name for name in ("dag_id", "warning_type", "message", "timestamp")}
    ordering(call.query.texts("order_by"), allowed, default="dag_id")
    return {"dag_warnings": [], "total_entries": 0}


def _response(row: FileError) -> dict[str, Any]:
    return {
        "import_error_id": row.serial,
        "timestamp": row.timestamp,
        "filename": row.filename,
        "bundle_name": BUNDLE_NAME,
        "stack_trace": row.stacktrace,
    }
