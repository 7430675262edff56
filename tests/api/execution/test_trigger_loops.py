"""POST dag-runs/…: a chain of triggers that comes back to itself is stopped when it does so without a pause."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.runs import chains
from controlplane.runs.chains import ChainReturns, check_chain, remember_chain
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.attempts import Try, running_try
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST_RETURNS", 3)


@pytest.fixture
def attempt(tenant: Tenant) -> Try:
    parsed_dag(tenant, chain("other", 1))
    return running_try(tenant)


def test_a_dag_that_starts_itself_is_stopped_with_the_way_it_went(attempt: Try) -> None:
    assert [attempt.door().post(f"dag-runs/example/r{n}", {}).status for n in range(3)] == [204] * 3
    refused = attempt.door().post("dag-runs/example/r3", {})
    assert refused.status == 400
    assert refused["detail"]["reason"] == "trigger_loop"
    assert (
        "(example -> example): tasks started 3 runs of it within 10 minutes" in refused["detail"]["message"]
    )
    with tenant_scope(attempt.tenant.id):
        assert not DagRun.objects.filter(run_id="r3").exists()


def test_the_last_one_that_is_allowed_is_known_when_it_is_asked_for_again(attempt: Try) -> None:
    keys = [str(uuid4()) for _ in range(3)]
    for n, key in enumerate(keys):
        attempt.door().post(f"dag-runs/example/r{n}", {}, idempotency_key=key)
    assert attempt.door().post("dag-runs/example/r2", {}, idempotency_key=keys[2]).status == 204
    assert attempt.door().post("dag-runs/example/r2", {}, idempotency_key=str(uuid4())).status == 400


def test_a_dag_may_start_as_many_runs_of_others_as_it_likes(attempt: Try) -> None:
    assert [attempt.door().post(f"dag-runs/other/r{n}", {}).status for n in range(6)] == [204] * 6


def test_a_run_knows_its_chain(attempt: Try) -> None:
    attempt.door().post("dag-runs/other/r", {})
    with tenant_scope(attempt.tenant.id):
        assert DagRun.objects.get(run_id="r").trigger_chain == ["example"]
        assert attempt.run.trigger_chain is None
        remember_chain(dag_id="other", run_id="r", chain=["zero", "other", "example"])
        told = check_chain(caller_dag_id="other", caller_run_id="r", dag_id="new", now=utc_now())
    assert told == ["zero", "example", "other"]


def test_a_loop_over_others_is_one(attempt: Try) -> None:
    """example -> other -> example: the fourth return within the window is one too many."""
    attempt.door().post("dag-runs/other/middle", {})
    for n in range(3):
        attempt.door().post(f"dag-runs/example/r{n}", {})
    now = utc_now()
    with tenant_scope(attempt.tenant.id):
        with pytest.raises(ChainReturns, match=r"\(example -> other -> example\)"):
            check_chain(caller_dag_id="other", caller_run_id="middle", dag_id="example", now=now)
        later = now + chains.WINDOW + timedelta(seconds=1)
        check_chain(caller_dag_id="other", caller_run_id="middle", dag_id="example", now=later)


def test_runs_that_no_task_started_do_not_count(attempt: Try, tenant: Tenant) -> None:
    dag = parsed_dag(tenant, chain("again", 1))
    for n in range(5):
        created_run(tenant, dag, run_id=f"m{n}")
    with tenant_scope(tenant.id):
        remember_chain(dag_id="again", run_id="m0", chain=["x"])
        check_chain(caller_dag_id="again", caller_run_id="m0", dag_id="again", now=utc_now())


def test_what_another_tenant_starts_does_not_count(attempt: Try, stranger: Actor) -> None:
    theirs = running_try(stranger.tenant)
    assert [theirs.door().post(f"dag-runs/example/r{n}", {}).status for n in range(3)] == [204] * 3
    assert attempt.door().post("dag-runs/example/r0", {}).status == 204


def test_a_run_that_lets_itself_begin_anew_is_stopped(attempt: Try) -> None:
    """A cleared task's attempt is over: only the counted row is put in place here, not a hundred rounds."""
    with tenant_scope(attempt.tenant.id):
        DagRun.objects.filter(id=attempt.run.id).update(clear_number=3)
    refused = attempt.door().post(f"dag-runs/example/{attempt.run.run_id}/clear")
    assert (refused.status, refused["detail"]["reason"]) == (400, "trigger_loop")
    assert "(example -> example): it did so 3 times" in refused["detail"]["message"]
    with tenant_scope(attempt.tenant.id):
        DagRun.objects.filter(id=attempt.run.id).update(clear_number=2)
    assert attempt.door().post(f"dag-runs/example/{attempt.run.run_id}/clear").status == 204


def test_a_run_of_another_dag_begins_anew_as_often_as_it_likes(attempt: Try) -> None:
    attempt.door().post("dag-runs/other/r", {})
    with tenant_scope(attempt.tenant.id):
        DagRun.objects.filter(run_id="r").update(clear_number=50)
    assert attempt.door().post("dag-runs/other/r/clear").status == 204
