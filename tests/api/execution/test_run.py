"""PATCH task-instances/{id}/run."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models.tenant import Tenant
from tests.support.attempts import HOST, PID, USER, Try, queued_try, running_try

BODY = {
    "state": "running",
    "hostname": HOST,
    "unixname": USER,
    "pid": PID,
    "start_date": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def queued(tenant: Tenant) -> Try:
    return queued_try(tenant, conf={"rows": 3}, run_id="r1")


def test_start(queued: Try) -> None:
    answer = queued.door().patch(f"task-instances/{queued.id}/run", BODY)
    assert answer.status == 200
    assert answer["dag_run"]["run_id"] == "r1"
    assert answer["dag_run"]["conf"] == {"rows": 3}
    assert answer["dag_run"]["state"] == "running"
    assert (answer["max_tries"], answer["should_retry"]) == (2, True)
    row = queued.row()
    assert (row.state, row.hostname, row.unixname, row.pid) == ("running", HOST, USER, PID)
    assert answer.headers["airflow-api-version"] == "2026-06-30"


def test_start_of_a_running_one_elsewhere(queued: Try) -> None:
    queued.start()
    answer = queued.door().patch(f"task-instances/{queued.id}/run", {**BODY, "pid": PID + 1})
    assert answer.status == 409
    assert answer["detail"] == {
        "reason": "invalid_state",
        "message": "TI was not in a state where it could be marked as running",
        "previous_state": "running",
    }
    assert queued.row().pid == PID


def test_start_of_a_finished_one(tenant: Tenant) -> None:
    attempt = running_try(tenant).end("success")
    answer = attempt.door().patch(f"task-instances/{attempt.id}/run", BODY)
    assert (answer.status, answer["detail"]["previous_state"]) == (409, "success")


def test_start_by_a_superseded_try(tenant: Tenant) -> None:
    """The newer try is waiting to be started: the older one must not start it."""
    old = running_try(tenant).end("up_for_retry")
    new = old.again()
    answer = old.door().patch(f"task-instances/{old.id}/run", BODY)
    assert (answer.status, answer["detail"]["reason"]) == (409, "invalid_state")
    assert new.row().state == "queued"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BODY, "state": "success"},
        {**BODY, "pid": "one"},
        {**BODY, "start_date": "2026-01-01T00:00:00"},
        {**BODY, "tenant_id": "x"},
        [],
    ],
)
def test_malformed(queued: Try, body: Any) -> None:
    answer = queued.door().patch(f"task-instances/{queued.id}/run", body)
    assert answer.status == 422
    assert {"loc", "msg", "type"} <= answer["detail"][0].keys()
    assert queued.row().state == "queued"


@pytest.mark.parametrize("change", [{"hostname": "a\x00b"}, {"pid": 2**40}, {"unixname": "u" * 300}])
def test_what_the_database_cannot_hold(queued: Try, change: dict[str, Any]) -> None:
    answer = queued.door().patch(f"task-instances/{queued.id}/run", {**BODY, **change})
    assert (answer.status, answer["detail"]["reason"]) == (422, "Value rejected by database")
    assert queued.row().state == "queued"
