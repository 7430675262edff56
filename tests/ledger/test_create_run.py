"""create_run.sql: one run and all its task rows, once per run id and once per logical date."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.transitions import NewRun, create_run
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def _new(tenant: Tenant, dag_id: str = "chain", **fields: Any) -> NewRun:
    with tenant_scope(tenant.id):
        dag = parsed_dag(tenant, specs.chain(dag_id, 3))
        assert dag.bundle_version is not None
        assert dag.current_version_id is not None
        values: dict[str, Any] = {
            "dag_id": dag_id,
            "run_id": "mine",
            "run_type": "manual",
            "logical_date": DAY,
            "interval_start": DAY,
            "interval_end": DAY,
            "run_after": DAY,
            "conf": {"a": 1},
            "triggered_by": "test",
            "user": None,
            "note": None,
            "partition_key": None,
            "dag_version": dag.current_version_id,
            "bundle_version": dag.bundle_version.id,
            "runtime_digest": "0" * 64,
        }
    return NewRun(**{**values, **fields})


def _create(tenant: Tenant, run: NewRun) -> Any:
    with tenant_scope(tenant.id):
        return create_run(run=run, now=utc_now())


def test_the_run_has_all_its_tasks_with_their_counts(tenant: Tenant) -> None:
    row_id = _create(tenant, _new(tenant))
    with tenant_scope(tenant.id):
        run = DagRun.objects.get(id=row_id)
        tasks = TaskInstance.objects.filter(dag_run_id=row_id).order_by("task_index")
        assert [(t.task_id, t.state, t.upstream_total, t.try_number) for t in tasks] == [
            ("task_0", None, 0, 0),
            ("task_1", None, 1, 0),
            ("task_2", None, 1, 0),
        ]
    assert (run.state, run.unfinished, run.conf) == ("queued", 3, {"a": 1})


def test_a_run_id_and_a_logical_date_exist_once(tenant: Tenant) -> None:
    new = _new(tenant)
    assert _create(tenant, new) is not None
    assert _create(tenant, new) is None
    assert _create(tenant, _new(tenant, run_id="other")) is None, "the logical date is taken"
    assert _create(tenant, _new(tenant, run_id="third", logical_date=None)) is not None
    assert _create(tenant, _new(tenant, run_id="fourth", logical_date=None)) is not None
    assert _create(tenant, _new(tenant, dag_id="another")) is not None
    with tenant_scope(tenant.id):
        assert DagRun.objects.filter(dag_id="chain").count() == 3
        assert TaskInstance.objects.filter(dag_id="chain").count() == 9


def test_of_two_creators_at_once_one_wins(tenant: Tenant) -> None:
    """The second waits for the first's commit, and then makes nothing: no task rows either."""
    first, second = _new(tenant), _new(tenant, run_id="other")
    got: list[Any] = []

    def create() -> None:
        try:
            got.append(_create(tenant, second))
        finally:
            connections.close_all()

    racer = threading.Thread(target=create)
    with tenant_scope(tenant.id):
        mine = create_run(run=first, now=utc_now())
        racer.start()
        racer.join(0.2)
        assert racer.is_alive(), "it must wait: the first may still roll back"
    racer.join()
    assert (mine is not None, got) == (True, [None])
    with tenant_scope(tenant.id):
        assert (DagRun.objects.count(), TaskInstance.objects.count()) == (1, 3)


def test_a_strangers_run_takes_no_name_here(tenant: Tenant, other_tenant: Tenant) -> None:
    assert _create(other_tenant, _new(other_tenant)) is not None
    assert _create(tenant, _new(tenant)) is not None
    new = _new(tenant, run_id="stolen", logical_date=None)
    # A stranger who names this tenant's version makes a run without tasks, or is refused by the key.
    with pytest.raises(Exception, match="violates foreign key"):
        _create(other_tenant, new)
