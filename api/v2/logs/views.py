"""GET …/taskInstances/{task_id}/logs/{try_number}: the log of one try, as JSON or as a stream of lines.

The log is stored as NDJSON. Its lines go out as they are: parsed only to be sure that they are JSON. What only the
control plane knows of how a try ended (its agent vanished, somebody cleared it while it ran) is the last line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from django.core import signing
from django.http import HttpResponse, StreamingHttpResponse

from api.json_answers import encode
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from controlplane.execution import logs
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry

JSON_BYTES = 16 * 1024 * 1024
"""A JSON answer ends here and gives a token to go on; a stream of lines has no such end."""
PIECE_BYTES = 256 * 1024
TOKEN_HEADER = "Airflow-Continuation-Token"  # noqa: S105  a header's name
TOLD_HERE = ("lost", "cleared")
"""Reasons why a try died that no agent may have been left to say in its log."""
_HEAD = ({"event": "::group::Log message source details"}, {"event": "::endgroup::"})


@operation("logs.read")
def get_log(call: Call, dag_id: str, dag_run_id: str, task_id: str, try_number: int) -> Any:
    """The log from the beginning, or from where `token` says. `Accept: application/x-ndjson` streams it."""
    given = call.query.integer("map_index")
    full = call.query.boolean("full_content") or False
    accept = call.http.headers.get("Accept", "*/*").split(";")[0].strip()
    offset = _offset(call.query.text("token"))
    instance = _find(dag_id, dag_run_id, task_id, -1 if given is None else given, try_number)
    if try_number == 0:
        return _never_ran(instance, accept)
    key = logs.log_key(
        tenant_id=call.access.tenant_id,
        dag_id=dag_id,
        run_id=dag_run_id,
        task_id=task_id,
        map_index=instance.map_index,
        try_number=try_number,
    )
    goes_on = instance.try_number == try_number and instance.state in ("running", "deferred", "restarting")
    last = None if goes_on else _ending(instance, try_number)
    if accept == "application/x-ndjson":
        return _stream(key, offset, not goes_on, last)
    return _json(key, offset, not goes_on, None if full else JSON_BYTES, last)


def _find(dag_id: str, dag_run_id: str, task_id: str, map_index: int, try_number: int) -> TaskInstance:
    instance = TaskInstance.objects.filter(
        dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index
    ).first()
    if instance is not None and instance.try_number != try_number:
        tries = TaskTry.objects.filter(task_instance_id=instance.id, try_number=try_number)
        instance = instance if tries.exists() else None
    if instance is None:
        raise not_found("TaskInstance not found")
    return instance


def _ending(instance: TaskInstance, try_number: int) -> bytes | None:
    """The line that the control plane adds to the log of a try that is over."""
    own = TaskTry.objects.filter(task_instance_id=instance.id, try_number=try_number)
    found = own.values_list("died", "end_date").first()
    if found is None and instance.try_number == try_number:
        found = (instance.died, instance.end_date)
    died, at = found or (None, None)
    if not died or died.get("reason") not in TOLD_HERE:
        return None
    event = f"The control plane ended this try: {died.get('message', died['reason'])}"
    return encode({"timestamp": at, "level": "error", "event": event, "logger": "controlplane"})


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(signing.loads(token, salt="log-token")["offset"])
    except (signing.BadSignature, KeyError, TypeError, ValueError) as error:
        raise Refusal(400, "Bad Signature. Please use only the tokens provided by the API.") from error


def _token(offset: int) -> str:
    return signing.dumps({"offset": offset}, salt="log-token")


def _never_ran(instance: TaskInstance, accept: str) -> HttpResponse:
    known = {
        "skipped": "Task was skipped — no logs available.",
        "upstream_failed": "Task did not run because upstream task(s) failed.",
    }
    message = known.get(str(instance.state), "No logs available for this task.")
    lines = [encode(line) for line in (*_HEAD, {"event": message})]
    if accept == "application/x-ndjson":
        return HttpResponse(b"\n".join(lines) + b"\n", content_type="application/x-ndjson")
    return HttpResponse(_document(lines, None), content_type="application/json")


def _json(key: str, offset: int, is_over: bool, limit: int | None, last: bytes | None) -> HttpResponse:
    lines = [encode(line) for line in _HEAD] if offset == 0 else []
    at = offset
    for line, end in _lines(key, offset, is_over):
        lines.append(line)
        at = end
        if limit is not None and at - offset >= limit:
            break
    is_whole = is_over and at >= logs.size(key)
    if is_whole and last is not None:
        lines.append(last)
    return HttpResponse(_document(lines, None if is_whole else _token(at)), content_type="application/json")


def _document(lines: list[bytes], token: str | None) -> bytes:
    return b'{"content":[' + b",".join(lines) + b'],"continuation_token":' + encode(token) + b"}"


def _stream(key: str, offset: int, is_over: bool, ending: bytes | None) -> StreamingHttpResponse:
    """Everything that is there now. While the task runs, the header names where to go on."""
    end = logs.size(key)

    def pieces() -> Iterator[bytes]:
        batch = [encode(line) for line in _HEAD] if offset == 0 else []
        size = 0
        for line, at in _lines(key, offset, is_over):
            batch.append(line)
            size += len(line)
            if size >= PIECE_BYTES:
                yield b"\n".join(batch) + b"\n"
                batch, size = [], 0
            if at >= end and not is_over:
                break
        if ending is not None:
            batch.append(ending)
        if batch:
            yield b"\n".join(batch) + b"\n"

    response = StreamingHttpResponse(pieces(), content_type="application/x-ndjson")
    if not is_over:
        last = offset
        for _, last in _lines(key, max(offset, end - PIECE_BYTES), False):
            if last >= end:
                break
        response[TOKEN_HEADER] = _token(last)
    return response


def _lines(key: str, offset: int, is_over: bool) -> Iterator[tuple[bytes, int]]:
    """(a line that is surely JSON, where the next one begins). A line without an end waits for the rest of
    it, unless the try is over."""
    rest, at = b"", offset
    while piece := logs.read(key=key, offset=at + len(rest), limit=PIECE_BYTES):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            at += len(line) + 1
            if line:
                yield _sure(line), at
    if rest and is_over:
        yield _sure(rest), at + len(rest)


def _sure(line: bytes) -> bytes:
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except msgspec.DecodeError:
        return encode({"event": line.decode("utf-8", errors="replace")})
    return line if line.startswith(b"{") else encode({"event": line.decode("utf-8", errors="replace")})
