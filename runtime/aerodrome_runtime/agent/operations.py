"""Which SDK messages are written behind, and what they become in a report.

A written-behind message is acknowledged to the task at once and committed with the next report: with the
attempt's state, before any other request of the same attempt goes out, or after `FLUSH_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from taskwire.agent import Operation

FLUSH_SECONDS = 0.2

LONG_LIST = 100
"""A value that maps to more instances than this is not written behind: the control plane may refuse it."""

XCOM_FIELDS = ("key", "value", "dag_id", "run_id", "task_id", "map_index", "mapped_length", "dag_result")


def _rendered_fields(message: dict[str, Any]) -> Operation:
    return Operation(kind="rendered_fields", body={"rendered_fields": message["rendered_fields"]})


def _rendered_map_index(message: dict[str, Any]) -> Operation:
    return Operation(kind="rendered_map_index", body={"rendered_map_index": message["rendered_map_index"]})


def _xcom_set(message: dict[str, Any]) -> Operation:
    return Operation(kind="xcom_set", body={field: message.get(field) for field in XCOM_FIELDS})


def _skip_downstream(message: dict[str, Any]) -> Operation:
    return Operation(kind="skip_downstream", body={"tasks": message["tasks"]})


BEHIND: dict[str, Callable[[dict[str, Any]], Operation]] = {
    "SetRenderedFields": _rendered_fields,
    "SetRenderedMapIndex": _rendered_map_index,
    "SetXCom": _xcom_set,
    "SkipDownstreamTasks": _skip_downstream,
}


def written_behind(message: dict[str, Any]) -> Callable[[dict[str, Any]], Operation] | None:
    """What makes an operation of this message; None when its answer must be waited for."""
    if message.get("type") == "SetXCom" and (message.get("mapped_length") or 0) > LONG_LIST:
        return None
    return BEHIND.get(message.get("type", ""))


STATES: dict[str, str | None] = {
    "SucceedTask": "success",
    "TaskState": None,
    "RetryTask": "up_for_retry",
    "DeferTask": "deferred",
    "RescheduleTask": "up_for_reschedule",
    "AwaitInputTask": "awaiting_input",
}
"""Messages that end the attempt, with the state they mean (None: the message names it)."""

PAUSES = frozenset({"DeferTask", "RescheduleTask", "AwaitInputTask"})
"""After these the same try goes on elsewhere."""
FAILURES = frozenset({"failed", "up_for_retry"})
"""States that hide nothing when what the task wrote before is lost."""


def state_operation(message: dict[str, Any]) -> Operation:
    """The Execution API's state payload: instants and durations as ISO 8601, no `type`, nothing unset."""
    kind = message["type"]
    body = {key: value for key, value in message.items() if key != "type" and value is not None}
    body["state"] = STATES[kind] or message["state"]
    return Operation(kind="state", body=msgspec.to_builtins(body))
