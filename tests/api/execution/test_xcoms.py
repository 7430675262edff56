"""/xcoms/…: set, get, count, place, slice, delete; of this run and of earlier ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tenants.models.tenant import Tenant
from tests.support.actors import Door
from tests.support.attempts import Try, parsed_pair, running_try

PATH = "xcoms/example/r1/first/return_value"


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant, run_id="r1")


@pytest.fixture
def door(attempt: Try) -> Door:
    return attempt.door()


def _put(door: Door, value: Any, path: str = PATH, **query: Any) -> Any:
    return door.call("POST", path, value, query=query or None)


@pytest.mark.parametrize("value", [1, "text", {"b": [1, {"c": None}]}, [], True, 1.5, "ünïcode \U0001f600"])
def test_set_and_get(door: Door, value: Any) -> None:
    answer = _put(door, value)
    assert (answer.status, answer.body) == (201, {"message": "XCom successfully set"})
    assert door.get(PATH).body == {"key": "return_value", "value": value}


def test_no_body_is_null(door: Door) -> None:
    assert _put(door, None).status == 201
    assert door.get(PATH).body == {"key": "return_value", "value": None}


def test_last_value_wins_and_delete(door: Door) -> None:
    _put(door, 1)
    _put(door, 2)
    assert door.get(PATH)["value"] == 2
    assert door.delete(PATH).body == {"message": "XCom with key: return_value successfully deleted."}
    assert door.get(PATH).status == 404
    assert door.delete(PATH).status == 200, "as in Airflow, deleting nothing is no error"


def test_unknown(door: Door) -> None:
    answer = door.get(PATH)
    assert answer.status == 404
    assert answer["detail"] == {
        "reason": "not_found",
        "message": "XCom with key='return_value' map_index=-1 not found for task 'first' "
        "in DAG run 'r1' of 'example'",
    }


def test_run_unknown(door: Door) -> None:
    answer = _put(door, 1, path="xcoms/example/nope/first/k")
    assert (answer.status, answer["detail"]) == (404, "DAG run not found on DAG 'example' with ID 'nope'")


def test_key_with_slashes(door: Door) -> None:
    assert _put(door, 1, path="xcoms/example/r1/first/a/b%2Fc d").status == 201
    assert door.get("xcoms/example/r1/first/a/b/c d").body == {"key": "a/b/c d", "value": 1}


def test_mapped_length(door: Door) -> None:
    assert _put(door, [1, 2], mapped_length=2).status == 201
    answer = _put(door, [1], mapped_length=1025)
    assert (answer.status, answer["detail"]["reason"]) == (400, "unmappable_return_value_length")


@pytest.mark.parametrize("body", [b"{", b"NaN", b"[1,]", b"\xff"])
def test_malformed(door: Door, body: bytes) -> None:
    response = door._client.post(
        f"/execution/{PATH}",
        data=body,
        content_type="application/json",
        headers={"authorization": f"Bearer {door.token}"},
    )
    assert response.status_code == 422
    assert door.get(PATH).status == 404


def test_nul_is_refused(door: Door) -> None:
    answer = _put(door, "a\x00b")
    assert (answer.status, answer["detail"]["reason"]) == (422, "Value rejected by database")


def test_of_another_task(door: Door) -> None:
    """Airflow lets a task set XComs in the name of others of its tenant."""
    assert _put(door, 5, path="xcoms/example/r1/second/k").status == 201
    assert door.get("xcoms/example/r1/second/k")["value"] == 5


def test_mapped_values(door: Door) -> None:
    for index in (2, 0, 1):
        _put(door, index * 10, map_index=index)
    assert door.get(PATH, {"map_index": 1})["value"] == 10
    assert door.call("HEAD", PATH).headers["Content-Range"] == "map_indexes 3"
    assert door.call("HEAD", PATH, query={"map_index": 1}).status == 400
    assert [door.get(f"{PATH}/item/{place}").body for place in (0, 2, -1, -3)] == [0, 20, 20, 0]
    assert door.get(f"{PATH}/item/3").status == 404
    assert door.get(f"{PATH}/item/-4").status == 404
    assert door.get(PATH, {"offset": -1})["value"] == 20
    assert door.get(f"{PATH}/slice").body == [0, 10, 20]


def test_query_numbers(door: Door) -> None:
    answer = door.get(PATH, {"map_index": "one"})
    assert (answer.status, answer["detail"][0]["loc"]) == (422, ["query", "map_index"])


_edge = st.one_of(st.none(), st.integers(-6, 6))


@example(start=None, stop=None, step=-1)
@given(start=_edge, stop=_edge, step=_edge)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_slices_are_pythons(attempt: Try, start: int | None, stop: int | None, step: int | None) -> None:
    door, values = attempt.door(), [0, 10, 20, 30]
    if door.call("HEAD", PATH).headers["Content-Range"] == "map_indexes 0":
        for index, value in enumerate(values):
            _put(door, value, map_index=index)
    query = {k: v for k, v in {"start": start, "stop": stop, "step": step}.items() if v is not None}
    assert door.get(f"{PATH}/slice", query).body == values[slice(start, stop, step or 1)]


def test_prior_dates(tenant: Tenant) -> None:
    """Without a value of its own, a run sees the latest one before it, and never one after it."""
    dag = parsed_pair(tenant)
    doors = {
        day: running_try(
            tenant, dag, run_id=f"day-{day}", logical_date=datetime(2026, 1, day, tzinfo=UTC)
        ).door()
        for day in (1, 2, 3)
    }
    for day in (1, 3):
        _put(doors[day], day, path=f"xcoms/example/day-{day}/first/k")
    path = "xcoms/example/day-2/first/k"
    assert doors[2].get(path).status == 404
    assert doors[2].get(path, {"include_prior_dates": "true"})["value"] == 1
    assert doors[2].get(f"{path}/slice", {"include_prior_dates": "true"}).body == [1]
    assert doors[2].get(path, {"include_prior_dates": "maybe"}).status == 422


def test_after_the_outcome(attempt: Try) -> None:
    """Airflow pushes an operator's links after it reported success; nobody else may, and not for long."""
    attempt.end("success")
    assert _put(attempt.door(), "https://example.com", path="xcoms/example/r1/first/link").status == 201


def test_numbers_keep_their_digits(door: Door) -> None:
    big = 12345678901234567890123456789
    _put(door, big)
    assert json.loads(json.dumps(door.get(PATH)["value"])) == big
