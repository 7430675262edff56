"""What all answers have in common: headers, health without a token, unknown paths and methods."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from tenants.models.tenant import Tenant
from tests.support.actors import Door
from tests.support.attempts import Try, running_try

NOBODY = Door(prefix="/execution/", token=None)


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant)


def test_health(database: None) -> None:
    assert NOBODY.get("health").body == {"status": "healthy"}
    assert NOBODY.get("health/ping").body == {"ok": ["database"], "failing": {}}
    assert NOBODY.post("health").status == 405


@pytest.mark.parametrize("path", ["", "nope", "task-instances/", "docs"])
def test_unknown_path(path: str) -> None:
    answer = NOBODY.get(path)
    assert (answer.status, answer.body) == (404, {"detail": "Not Found"})


def test_unknown_method(attempt: Try) -> None:
    answer = attempt.door().call("PUT", f"task-instances/{attempt.id}/run", {})
    assert (answer.status, answer.body) == (405, {"detail": "Method Not Allowed"})


def test_headers_of_good_and_bad_answers(attempt: Try) -> None:
    for path, status in (("variables/keys", 200), ("variables/nope", 404)):
        answer = attempt.door().get(path, correlation_id="abc-1")
        assert answer.status == status
        assert answer.headers["correlation-id"] == "abc-1"
        assert answer.headers["airflow-api-version"] == "2026-06-30"
        assert answer.headers["Content-Type"] == "application/json", "Airflow's client compares it exactly"
    assert "correlation-id" not in attempt.door().get("variables/keys").headers


@pytest.mark.parametrize("scheme", ["Basic", "bearer", ""])
def test_scheme(attempt: Try, scheme: str) -> None:
    door = Door(prefix="/execution/", token=None)
    answer = door.get("variables/keys", authorization=f"{scheme} {attempt.token}")
    assert answer.status == (200 if scheme == "bearer" else 401)


def test_database_away(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, which Airflow's client tries again, and no word of the driver's."""

    def away(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection to server at 10.1.2.3 failed")

    monkeypatch.setattr("api.execution.gate.find_attempt", away)
    answer = attempt.door().get("variables/keys")
    assert (answer.status, answer["detail"]["reason"]) == (503, "unavailable")
    assert "10.1.2.3" not in str(answer.body)


def test_our_own_mistake(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise KeyError("secret detail")

    monkeypatch.setattr("api.execution.gate.find_attempt", broken)
    answer = attempt.door().get("variables/keys")
    assert (answer.status, answer.body) == (500, {"message": "Internal server error"})


def test_connection_tests_are_not_for_tasks(attempt: Try) -> None:
    """In Airflow's words: a task's token is none of a worker that tries a connection out."""
    door, path = attempt.door(), f"connection-tests/{attempt.id}"
    expected = (403, "Token type 'execution' not allowed for this endpoint. Allowed types: workload")
    for answer in (door.get(f"{path}/connection"), door.patch(path, {"state": "success"})):
        assert (answer.status, answer["detail"]) == expected
