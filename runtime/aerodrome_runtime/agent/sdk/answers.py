"""The shapes a task gets back: `body` (a result or an ErrorResponse) or `error` (raised in the task)."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any] | None

OK: dict[str, Any] = {"ok": True, "type": "OKResponse"}


def result(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A result of the SDK's tagged union `ToTask`."""
    return {**fields, "type": kind}


def not_there(error: str, detail: dict[str, Any] | None = None) -> dict[str, Any]:
    """An ErrorResponse sent as a *result*: the SDK looks at it and decides, nothing is raised here."""
    return {"type": "ErrorResponse", "error": error, "detail": detail}


def api_error(
    *, status: int | None, message: str, detail: Any = None, kind: str | None = None
) -> dict[str, Any]:
    """An ErrorResponse for the frame's `error`: the SDK raises AirflowRuntimeError in the task."""
    body: dict[str, Any] = {"status_code": status, "message": message}
    if kind is None:
        body["detail"] = detail
    else:
        body["exception_type"] = kind
    return {"type": "ErrorResponse", "error": "API_SERVER_ERROR", "detail": body}
