"""Somebody asks for a run: what it is, what is refused, and that of two at once one wins."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs.trigger import DagNotRunnable, DagUnknown, LogicalDateTaken, RunExists, trigger_run
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def _trigger(tenant: Tenant, **fields: Any) -> DagRun:
    values: dict[str, Any] = {
        "dag_id": "chain",
        "run_id": None,
        "logical_date": None,
        "run_after": None,
        "conf": None,
        "note": None,
        "triggered_by": "rest_api",
        "user": "somebody",
        "now": utc_now(),
    }
    with tenant_scope(tenant.id):
        return trigger_run(**{**values, **fields})


@pytest.fixture
def dag(tenant: Tenant) -> Dag:
    return parsed_dag(tenant, specs.chain("chain", 2))


def test_a_run_is_queued_with_what_was_asked_and_the_scheduler_is_told(tenant: Tenant, dag: Dag) -> None:
    run = _trigger(tenant, conf={"a": 1}, note="why", logical_date=DAY)
    assert (run.state, run.conf, run.note, run.run_type) == ("queued", {"a": 1}, "why", "manual")
    assert (run.logical_date, run.run_after, run.unfinished) == (DAY, DAY, 2)
    assert run.dag_version_id == dag.current_version_id
    with tenant_scope(tenant.id):
        assert list(WorkItem.objects.values_list("kind", "ref")) == [("start_runs", dag.id)]


def test_a_run_for_later_is_looked_at_later(tenant: Tenant, dag: Dag) -> None:
    later = utc_now() + timedelta(hours=1)
    _trigger(tenant, run_after=later)
    with tenant_scope(tenant.id):
        assert WorkItem.objects.get().due_at == later


def test_run_ids_are_made_when_none_is_given(tenant: Tenant, dag: Dag) -> None:
    ids = {_trigger(tenant).run_id for _ in range(3)}
    assert len(ids) == 3
    assert all(run_id.startswith("manual__") for run_id in ids)


def test_what_is_refused(tenant: Tenant, dag: Dag) -> None:
    _trigger(tenant, run_id="mine", logical_date=DAY)
    with pytest.raises(RunExists):
        _trigger(tenant, run_id="mine")
    with pytest.raises(LogicalDateTaken):
        _trigger(tenant, run_id="other", logical_date=DAY)
    with pytest.raises(DagUnknown):
        _trigger(tenant, dag_id="nothing")
    with tenant_scope(tenant.id):
        Dag.objects.update(is_stale=True)
    with pytest.raises(DagNotRunnable):
        _trigger(tenant)
    with tenant_scope(tenant.id):
        assert DagRun.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [({"run_id": "mine"}, RunExists), ({"run_id": "mine-{}", "logical_date": DAY}, LogicalDateTaken)],
    ids=["run id", "logical date"],
)
def test_of_two_at_once_one_wins_and_the_other_is_told(
    tenant: Tenant, dag: Dag, fields: dict[str, Any], refusal: type[Exception]
) -> None:
    barrier = threading.Barrier(4)
    answers: list[object] = []

    def ask(number: int) -> None:
        try:
            barrier.wait()
            answers.append(_trigger(tenant, **{**fields, "run_id": fields["run_id"].format(number)}))
        except Exception as error:
            answers.append(type(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(refusal) == 3
    with tenant_scope(tenant.id):
        assert DagRun.objects.count() == 1


def test_two_runs_at_once_of_one_dag(tenant: Tenant, dag: Dag) -> None:
    first, second = _trigger(tenant), _trigger(tenant)
    assert first.id != second.id
    with tenant_scope(tenant.id):
        assert DagRun.objects.filter(dag_id="chain").count() == 2


def test_a_stranger_triggers_nothing_here(tenant: Tenant, other_tenant: Tenant, dag: Dag) -> None:
    with pytest.raises(DagUnknown):
        _trigger(other_tenant)
    with tenant_scope(tenant.id):
        assert not DagRun.objects.exists()
