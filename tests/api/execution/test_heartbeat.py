"""PUT task-instances/{id}/heartbeat, and the token that comes back with answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Answer, Door
from tests.support.attempts import HOST, PID, Try, running_try


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    return running_try(tenant)


def _beat(attempt: Try, *, door: Door | None = None, host: str = HOST, pid: int = PID) -> Answer:
    path = f"task-instances/{attempt.id}/heartbeat"
    return (door or attempt.door()).call("PUT", path, {"hostname": host, "pid": pid})


def test_alive(attempt: Try) -> None:
    with tenant_scope(attempt.tenant.id):
        TaskInstance.objects.filter(id=attempt.id).update(last_heartbeat_at=utc_now() - timedelta(hours=1))
    before = utc_now()
    assert _beat(attempt).status == 204
    seen = attempt.row().last_heartbeat_at
    assert seen is not None and seen >= before


def test_another_process(attempt: Try) -> None:
    answer = _beat(attempt, pid=PID + 1)
    assert answer.status == 409
    assert answer["detail"] == {
        "reason": "running_elsewhere",
        "message": "TI is already running elsewhere",
        "current_hostname": HOST,
        "current_pid": PID,
    }


def test_not_running_any_more(attempt: Try) -> None:
    attempt.end("failed")
    answer = _beat(attempt)
    assert answer.status == 409
    assert answer["detail"]["reason"] == "not_running"
    assert answer["detail"]["current_state"] == "failed"


def test_superseded(attempt: Try) -> None:
    """The newer try runs on the same host with the same pid: only the epoch tells them apart."""
    newer = attempt.end("up_for_retry").again().start()
    assert _beat(attempt).status == 410
    assert _beat(newer).status == 204


@pytest.mark.parametrize(("age", "renewed"), [(0, False), (290, False), (310, True), (599, True)])
def test_token_is_renewed_at_half_its_life(attempt: Try, age: int, renewed: bool) -> None:
    issued = utc_now() - timedelta(seconds=age)
    token = tokens.issue(
        tenant_id=attempt.tenant.id,
        task_instance_id=attempt.id,
        epoch=attempt.epoch,
        try_number=1,
        now=issued,
    )
    answer = _beat(attempt, door=Door(prefix="/execution/", token=token))
    assert answer.status == 204
    fresh = answer.headers.get("Refreshed-API-Token")
    assert (fresh is not None) is renewed
    if fresh:
        claims = tokens.verify(fresh, now=utc_now())
        assert (claims.task_instance_id, claims.epoch) == (attempt.id, attempt.epoch)
        assert claims.expires_at > utc_now() + timedelta(seconds=tokens.TTL_SECONDS - 10)
        assert _beat(attempt, door=Door(prefix="/execution/", token=fresh)).status == 204


def test_token_of_a_finished_try_is_not_renewed(attempt: Try) -> None:
    attempt.end("success")
    token = tokens.issue(
        tenant_id=attempt.tenant.id,
        task_instance_id=attempt.id,
        epoch=attempt.epoch,
        try_number=1,
        now=utc_now() - timedelta(seconds=400),
    )
    answer = Door(prefix="/execution/", token=token).get("variables/keys")
    assert answer.status == 200, "callbacks may still read"
    assert "Refreshed-API-Token" not in answer.headers
