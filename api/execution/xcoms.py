"""`/xcoms/{dag_id}/{run_id}/{task_id}/{key}`: values are handed through as the JSON they are."""

from __future__ import annotations

import msgspec
from django.http import HttpResponse

from api.execution.answers import Refusal, answer, done, json_answer, not_found, reasoned
from api.execution.bodies import flag, number, read_body
from api.execution.gate import Call, Rule, allow
from controlplane.execution import xcoms
from controlplane.execution.attempts import Stage
from controlplane.execution.large_xcoms import AnswerTooLarge, XComTooLarge
from controlplane.execution.storable import NotStorable
from controlplane.execution.xcom_room import XComsFull
from controlplane.execution.xcoms import MappedLengthTooLarge, XComName, XComRunUnknown, XComUnknown

# Airflow pushes an operator's extra links after the task reported its state.
XCOM = Rule(stage=Stage.SETTLING)
WRITE = Rule(
    stage=Stage.SETTLING, callbacks=False, quiet="values that tasks hand to each other, kept with their run"
)


@allow(XCOM)
def get(call: Call, **place: str) -> HttpResponse:
    """GET one value: of a map index, or with `offset` of a place in their order."""
    name, earlier = XComName(**place), flag(call.request, "include_prior_dates")
    offset, map_index = number(call.request, "offset"), number(call.request, "map_index", -1)
    try:
        if offset is not None:
            value = xcoms.get_xcom_at(name=name, offset=offset, with_earlier_runs=earlier, skip_nulls=True)
        else:
            assert map_index is not None
            value = xcoms.get_xcom(name=name, map_index=map_index, with_earlier_runs=earlier)
    except XComUnknown as error:
        raise not_found(str(error)) from None
    return answer({"key": name.key, "value": msgspec.Raw(value.encode())})


@allow(XCOM)
def head(call: Call, **place: str) -> HttpResponse:
    """HEAD: how many map indexes have it, in `Content-Range`."""
    if "map_index" in call.request.GET:
        raise reasoned(400, "invalid_request", "Cannot specify map_index in a HEAD request")
    response = done(status=200)
    response["Content-Range"] = f"map_indexes {xcoms.count_xcoms(name=XComName(**place))}"
    return response


@allow(WRITE)
def put(call: Call, **place: str) -> HttpResponse:
    """POST: set or replace."""
    value = call.request.body or b"null"
    read_body(call.request, msgspec.Raw) if call.request.body else None
    map_index = number(call.request, "map_index", -1)
    flag(call.request, "dag_result")
    try:
        xcoms.put_xcom(
            by=call.attempt.id,
            epoch=call.claims.epoch,
            name=XComName(**place),
            map_index=-1 if map_index is None else map_index,
            value=value.decode(),
            mapped_length=number(call.request, "mapped_length"),
            now=call.now,
        )
    except MappedLengthTooLarge as error:
        raise reasoned(400, "unmappable_return_value_length", str(error)) from None
    except XComRunUnknown as error:
        raise Refusal(404, str(error)) from None
    except XComTooLarge as error:
        raise reasoned(413, "xcom_too_large", str(error)) from None
    except XComsFull as error:
        raise reasoned(413, "xcoms_full", str(error)) from None
    except NotStorable as error:
        raise reasoned(422, "Value rejected by database", str(error)) from None
    return answer({"message": "XCom successfully set"}, status=201)


@allow(WRITE)
def delete(call: Call, **place: str) -> HttpResponse:
    """DELETE one map index."""
    name, map_index = XComName(**place), number(call.request, "map_index", -1)
    xcoms.delete_xcom(
        by=call.attempt.id,
        epoch=call.claims.epoch,
        name=name,
        map_index=-1 if map_index is None else map_index,
    )
    return answer({"message": f"XCom with key: {name.key} successfully deleted."})


@allow(XCOM)
def item(call: Call, offset: str, **place: str) -> HttpResponse:
    """GET item/{offset}: the bare value at a place in the order of map indexes; -1 is the last."""
    try:
        return json_answer(xcoms.get_xcom_at(name=XComName(**place), offset=int(offset)).encode())
    except XComUnknown as error:
        raise not_found(str(error)) from None


@allow(XCOM)
def part(call: Call, **place: str) -> HttpResponse:
    """GET slice: the bare values from `start` to `stop` by `step`, as Python slices."""
    try:
        values = xcoms.slice_xcoms(
            name=XComName(**place),
            start=number(call.request, "start"),
            stop=number(call.request, "stop"),
            step=number(call.request, "step"),
            with_earlier_runs=flag(call.request, "include_prior_dates"),
        )
    except AnswerTooLarge as error:
        raise reasoned(413, "xcom_too_large", str(error)) from None
    return json_answer(f"[{','.join(values)}]".encode())
