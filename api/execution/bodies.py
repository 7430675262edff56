"""What may be sent: Airflow's request bodies, unknown fields refused, and query parameters."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from django.http import HttpRequest

from api.execution.answers import malformed

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Body = TypeVar("Body")


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Airflow's StrictBaseModel."""


class EnterRunning(Strict, kw_only=True):
    state: Literal["running"] = "running"
    hostname: str
    unixname: str
    pid: int
    start_date: Instant


class Heartbeat(Strict, kw_only=True):
    hostname: str
    pid: int


class Ended(Strict, kw_only=True):
    state: Literal["failed", "skipped", "removed", "upstream_failed"]
    end_date: Instant
    rendered_map_index: str | None = None


class Succeeded(Strict, kw_only=True):
    state: Literal["success"]
    end_date: Instant
    task_outlets: list[dict[str, Any]] = []
    outlet_events: list[dict[str, Any]] = []
    rendered_map_index: str | None = None


class Deferred(Strict, kw_only=True):
    state: Literal["deferred"]
    classpath: str
    trigger_kwargs: dict[str, Any] | str = {}
    trigger_timeout: timedelta | None = None
    queue: str | None = None
    next_method: str
    next_kwargs: dict[str, Any] = {}
    rendered_map_index: str | None = None


class Rescheduled(Strict, kw_only=True):
    state: Literal["up_for_reschedule"]
    reschedule_date: Instant
    end_date: Instant


class AwaitingInput(Strict, kw_only=True):
    state: Literal["awaiting_input"]
    timeout: timedelta | None = None
    next_method: str
    next_kwargs: dict[str, Any] = {}
    rendered_map_index: str | None = None


class Retrying(Strict, kw_only=True):
    state: Literal["up_for_retry"]
    end_date: Instant
    rendered_map_index: str | None = None
    retry_delay_seconds: float | None = None
    retry_reason: str | None = None


STATE_BODIES: dict[str, type[Strict]] = {
    "success": Succeeded,
    "failed": Ended,
    "skipped": Ended,
    "removed": Ended,
    "upstream_failed": Ended,
    "deferred": Deferred,
    "up_for_reschedule": Rescheduled,
    "awaiting_input": AwaitingInput,
    "up_for_retry": Retrying,
}


class SkipDownstream(Strict, kw_only=True):
    tasks: list[str | tuple[str, int]]


class TriggerRun(Strict, kw_only=True):
    logical_date: Instant | None = None
    run_after: Instant | None = None
    conf: dict[str, Any] = {}
    reset_dag_run: bool = False
    partition_key: str | None = None
    note: str | None = None


class VariableBody(Strict, kw_only=True):
    val: str | None
    description: str | None = None


def read_body(request: HttpRequest, shape: type[Body]) -> Body:
    """The JSON body as `shape`; a refusal (422) when it is not one."""
    try:
        return msgspec.json.decode(request.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(place=("body",), message=str(error)) from None


def read_state(request: HttpRequest) -> dict[str, Any]:
    """A state payload, checked against the shape of its state, as the plain JSON object it is."""
    told = read_body(request, dict[str, Any])
    shape = STATE_BODIES.get(str(told.get("state")))
    if shape is None:
        raise malformed(place=("body", "state"), message=f"not a state to report: {told.get('state')!r}")
    try:
        # Numbers of seconds are durations too, as in Airflow.
        msgspec.convert(told, shape, strict=False)
    except msgspec.ValidationError as error:
        raise malformed(place=("body", str(told["state"])), message=str(error)) from None
    return told


def number(request: HttpRequest, name: str, default: int | None = None) -> int | None:
    """A whole number of the query."""
    raw = request.GET.get(name)
    if raw is None:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", raw.strip(), re.ASCII):
        raise malformed(place=("query", name), message="not a whole number", kind="int_parsing")
    return int(raw)


def flag(request: HttpRequest, name: str) -> bool:
    """A boolean of the query, false when absent."""
    raw = request.GET.get(name, "false").lower()
    if raw in {"true", "1", "yes", "on", "t", "y"}:
        return True
    if raw in {"false", "0", "no", "off", "f", "n"}:
        return False
    raise malformed(place=("query", name), message="not a boolean", kind="bool_parsing")


def instants(request: HttpRequest, name: str) -> list[datetime]:
    """Every date and time of that name in the query, each with its zone."""
    try:
        return msgspec.convert(request.GET.getlist(name), list[Instant])
    except msgspec.ValidationError as error:
        raise malformed(place=("query", name), message=str(error), kind="datetime_parsing") from None


def required(request: HttpRequest, name: str) -> str:
    """A text that the query must have."""
    raw = request.GET.get(name)
    if raw is None:
        raise malformed(place=("query", name), message="Field required", kind="missing")
    return raw
