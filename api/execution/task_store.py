"""`/store/ti/{id}/…`: values that a task keeps for its later tries."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpResponse

from api.execution.answers import done, json_answer, malformed, not_found, reasoned
from api.execution.bodies import Instant, Strict, read_body
from api.execution.gate import Call, Rule, allow
from controlplane.execution import task_states
from controlplane.execution.attempts import AttemptSuperseded, Stage
from controlplane.execution.storable import NotStorable
from controlplane.execution.task_states import LONGEST_KEY, StateUnknown

KEEP = Rule(stage=Stage.SETTLING, own=True)


class _Kept(Strict, kw_only=True):
    value: Any
    expires_at: Instant | None = None


@allow(KEEP)
def get(call: Call, key: str) -> HttpResponse:
    """GET."""
    attempt = call.attempt
    try:
        text = task_states.get(by=attempt.id, epoch=attempt.epoch, key=key)
    except StateUnknown as error:
        raise not_found(str(error)) from None
    return json_answer(f'{{"value":{text}}}'.encode())


@allow(KEEP)
def put(call: Call, key: str) -> HttpResponse:
    """PUT: whatever JSON holds, but null; kept until `expires_at`, or as long as the run."""
    body, attempt = read_body(call.request, _Kept), call.attempt
    if body.value is None:
        raise malformed(place=("body", "value"), message="Value error, value cannot be null")
    if isinstance(body.value, float) and not math.isfinite(body.value):
        raise malformed(place=("body", "value"), message="Value error, value must be a finite number")
    if len(key) > LONGEST_KEY:
        raise malformed(place=("path", "key"), message=f"a key has at most {LONGEST_KEY} characters")
    try:
        task_states.put(
            by=attempt.id,
            epoch=attempt.epoch,
            key=key,
            value=body.value,
            expires_at=body.expires_at,
            now=call.now,
        )
    except NotStorable as error:
        raise reasoned(422, "Value rejected by database", str(error)) from None
    except AttemptSuperseded as error:
        raise reasoned(410, "not_found", str(error)) from None
    return done()


@allow(KEEP)
def delete(call: Call, key: str) -> HttpResponse:
    """DELETE: 204 also when there was none."""
    task_states.delete(by=call.attempt.id, epoch=call.attempt.epoch, key=key)
    return done()


@allow(KEEP)
def clear(call: Call) -> HttpResponse:
    """DELETE without a key: all that the task keeps, of this map index."""
    task_states.delete(by=call.attempt.id, epoch=call.attempt.epoch, key=None)
    return done()
