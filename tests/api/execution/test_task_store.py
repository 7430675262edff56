"""/store/ti/{id}/…: what a task keeps for its later tries; of its own, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_state import TaskState
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, parsed_pair, running_try


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant, run_id="r1")


def _put(attempt: Try, key: str, value: Any, of: Try | None = None, **more: Any) -> Any:
    return attempt.door().call("PUT", f"store/ti/{(of or attempt).id}/{key}", {"value": value, **more})


def _get(attempt: Try, key: str) -> Any:
    return attempt.door().get(f"store/ti/{attempt.id}/{key}")


@pytest.mark.parametrize(
    "value", [1, 0, "", "text", {"b": [1, {"c": None}]}, [], False, 1.5, "ünï \U0001f600"]
)
def test_keep_and_get(attempt: Try, value: Any) -> None:
    answer = _put(attempt, "k", value)
    assert (answer.status, answer.body) == (204, "")
    assert _get(attempt, "k").body == {"value": value}


def test_the_last_value_counts_and_is_deleted(attempt: Try) -> None:
    _put(attempt, "a/b c", 1)
    _put(attempt, "a/b c", 2)
    _put(attempt, "other", 3)
    assert _get(attempt, "a/b c").body == {"value": 2}
    assert attempt.door().delete(f"store/ti/{attempt.id}/a/b c").status == 204
    assert attempt.door().delete(f"store/ti/{attempt.id}/a/b c").status == 204, "nothing is no mistake"
    answer = _get(attempt, "a/b c")
    expected = {"reason": "not_found", "message": "Task state store key 'a/b c' not found"}
    assert (answer.status, answer["detail"]) == (404, expected)
    assert _get(attempt, "other").body == {"value": 3}


def test_clear_takes_all(attempt: Try) -> None:
    for key in "ab":
        _put(attempt, key, 1)
    assert attempt.door().delete(f"store/ti/{attempt.id}").status == 204
    assert [_get(attempt, key).status for key in "ab"] == [404, 404]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"value": None},
        {"value": 1, "more": 2},
        {"value": 1, "expires_at": "soon"},
        {"value": 1, "expires_at": "2026-01-01T00:00:00"},
        [1],
    ],
)
def test_malformed(attempt: Try, body: Any) -> None:
    answer = attempt.door().call("PUT", f"store/ti/{attempt.id}/k", body)
    assert (answer.status, answer["detail"][0]["loc"][0]) == (422, "body")
    assert _get(attempt, "k").status == 404


def test_what_the_database_cannot_hold(attempt: Try) -> None:
    answer = _put(attempt, "k", "a\x00b")
    assert (answer.status, answer["detail"]["reason"]) == (422, "Value rejected by database")
    assert _put(attempt, "k" * 512, 1).status == 204
    assert _put(attempt, "k" * 513, 1).status == 422


def test_later_tries_see_it_and_earlier_ones_write_no_more(attempt: Try) -> None:
    _put(attempt, "job", "abc")
    newer = attempt.end("up_for_retry").again().start()
    assert _get(newer, "job").body == {"value": "abc"}
    assert _put(attempt, "job", "late").status == 410
    assert attempt.door().delete(f"store/ti/{attempt.id}").status == 410
    assert _get(newer, "job").body == {"value": "abc"}


def test_other_runs_and_tasks_keep_their_own(tenant: Tenant, attempt: Try) -> None:
    other = running_try(
        tenant, parsed_pair(tenant), run_id="r2", logical_date=datetime(2026, 1, 2, tzinfo=UTC)
    )
    _put(attempt, "job", 1)
    assert _get(other, "job").status == 404
    answer = _put(other, "job", 2, of=attempt)
    assert (answer.status, answer["detail"]) == (403, "Token subject does not match task instance ID")
    assert _get(attempt, "job").body == {"value": 1}


def test_a_stranger(attempt: Try, other_tenant: Tenant) -> None:
    """Not even one whose token names the very same task instance."""
    _put(attempt, "job", 1)
    stranger = running_try(other_tenant, run_id="r1")
    assert _get(stranger, "job").status == 404
    assert stranger.door().get(f"store/ti/{attempt.id}/job").status == 403
    assert stranger.door().delete(f"store/ti/{attempt.id}").status == 403
    assert _get(attempt, "job").body == {"value": 1}


def test_it_goes_with_its_run(attempt: Try) -> None:
    _put(attempt, "job", 1)
    with tenant_scope(attempt.tenant.id):
        attempt.run.delete()
        assert not TaskState.objects.exists()


def test_it_is_kept_until(attempt: Try) -> None:
    until = utc_now() + timedelta(days=30)
    _put(attempt, "job", 1, expires_at=until.isoformat())
    with tenant_scope(attempt.tenant.id):
        assert TaskState.objects.get().expires_at == until
    _put(attempt, "job", 1)
    with tenant_scope(attempt.tenant.id):
        assert TaskState.objects.get().expires_at is None, "each value has an end of its own"
