"""PATCH task-instances/{id}/state: each outcome, told once, twice, too late, and wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support.attempts import Try, running_try

END = "2026-01-01T00:00:10Z"
OUTCOMES: dict[str, dict[str, Any]] = {
    "success": {"end_date": END, "task_outlets": [], "outlet_events": [], "rendered_map_index": "label"},
    "failed": {"end_date": END},
    "skipped": {"end_date": END},
    "up_for_retry": {"end_date": END, "retry_delay_seconds": 5.0, "retry_reason": "try again"},
    "deferred": {
        "classpath": "airflow.triggers.testing.SuccessTrigger",
        "trigger_kwargs": {"a": 1},
        "trigger_timeout": "PT30S",
        "next_method": "execute_complete",
        "next_kwargs": {"x": 1},
    },
    "up_for_reschedule": {"end_date": END, "reschedule_date": "2026-01-01T01:00:00Z"},
    "awaiting_input": {"timeout": 30, "next_method": "execute_complete", "next_kwargs": {}},
}


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant)


def _tell(attempt: Try, state: str, **change: Any) -> Any:
    body = {"state": state, **OUTCOMES[state], **change}
    return attempt.door().patch(f"task-instances/{attempt.id}/state", body)


@pytest.mark.parametrize("state", OUTCOMES)
def test_told_once_and_again(attempt: Try, state: str) -> None:
    first = _tell(attempt, state)
    assert (first.status, first.body) == (204, "")
    stored = attempt.row()
    assert stored.state == state
    assert _tell(attempt, state).status == 200
    again = attempt.row()
    assert (again.state, again.reschedules, again.due_at) == (state, stored.reschedules, stored.due_at)


def test_retry_waits_as_told(attempt: Try) -> None:
    _tell(attempt, "up_for_retry", end_date=(now := utc_now()).isoformat())
    assert attempt.row().due_at == now + timedelta(seconds=5)


def test_deferral_keeps_how_to_resume(attempt: Try) -> None:
    _tell(attempt, "deferred")
    row = attempt.row()
    assert (row.next_method, row.next_kwargs) == ("execute_complete", {"x": 1})


def test_another_outcome_is_stored(attempt: Try) -> None:
    _tell(attempt, "success")
    answer = _tell(attempt, "failed")
    assert answer.status == 409
    assert answer["detail"] == {
        "reason": "invalid_state",
        "message": "TI was not in the running state so it cannot be updated",
        "previous_state": "success",
    }
    assert attempt.row().state == "success"


def test_superseded_try_says_success(attempt: Try) -> None:
    newer = attempt.end("up_for_retry").again().start()
    answer = _tell(attempt, "success")
    assert (answer.status, answer["detail"]["previous_state"]) == (409, "running")
    assert newer.row().state == "running"
    assert _tell(newer, "success").status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"state": "running"},
        {"state": "success"},
        {"state": "success", "end_date": END, "epoch": 7},
        {"state": "queued", "end_date": END},
        {"state": "up_for_retry", "end_date": "yesterday"},
        {"state": "deferred", "next_method": "x"},
        {"state": "up_for_reschedule", "end_date": END},
        {},
        "success",
    ],
)
def test_malformed(attempt: Try, body: Any) -> None:
    answer = attempt.door().patch(f"task-instances/{attempt.id}/state", body)
    assert answer.status == 422
    assert attempt.row().state == "running"
