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
from controlplane.runs import params
from controlplane.runs.trigger import (
    DagNotRunnable,
    DagUnknown,
    LogicalDateTaken,
    RunExists,
    RunRefused,
    RunTypeDenied,
    trigger_run,
)
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
    now = utc_now()
    run = _trigger(tenant, conf={"a": 1}, note="why", logical_date=DAY, now=now)
    assert (run.state, run.conf, run.note, run.run_type) == ("queued", {"a": 1}, "why", "manual")
    assert (run.logical_date, run.run_after, run.unfinished) == (DAY, now, 2), "due now, as in Airflow"
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


PARAMS = {
    "count": {"value": 1, "schema": {"type": "integer", "maximum": 5}},
    "name": {"schema": {"type": "string", "pattern": "^[a-z]+$"}},
}


def test_conf_must_fit_the_params_and_is_stored_as_it_came(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("chain", [specs.task("one")], params=PARAMS))
    run = _trigger(tenant, conf={"name": "me", "other": [1]})
    assert run.conf == {"name": "me", "other": [1]}
    for conf, text in (
        (None, "Invalid input for param name: No value passed"),
        ({"name": "me", "count": 6}, "Invalid input for param count: 6 is greater than the maximum of 5\n"),
        ({"name": "me", "count": "x"}, "Invalid input for param count: 'x' is not of type 'integer'\n"),
        ({"name": "ME"}, "Invalid input for param name: 'ME' does not match '^[a-z]+$'\n"),
    ):
        with pytest.raises(RunRefused) as refused:
            _trigger(tenant, conf=conf)
        assert str(refused.value).startswith(text)


def test_a_tenants_schema_reaches_no_network_and_holds_nobody_up(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for schema, text in (
        (
            {"$ref": "http://127.0.0.1:1/schema"},
            "Invalid input for param it: Unresolvable: http://127.0.0.1:1/schema",
        ),
        ({"$ref": "file:///etc/passwd"}, "Invalid input for param it: Unresolvable: file:///etc/passwd"),
        ({"pattern": "(a+)+$"}, "The params could not be checked within 1 seconds"),
        ({"$ref": "#"}, "Invalid input for param it: its schema refers to itself"),
    ):
        parsed_dag(tenant, specs.dag("chain", [specs.task("one")], params={"it": {"schema": schema}}))
        with pytest.raises(RunRefused) as refused, monkeypatch.context() as patch:
            if "pattern" in schema:  # it never ends; the others have the product's own time
                patch.setattr(params, "CHILD_SECONDS", 1)
            _trigger(tenant, conf={"it": "a" * 40 + "b"})
        assert str(refused.value).startswith(text)


def test_only_allowed_run_types_are_made(tenant: Tenant) -> None:
    spec = specs.dag("chain", [specs.task("one")], allowed_run_types=["scheduled", "operator_triggered"])
    parsed_dag(tenant, spec)
    with pytest.raises(RunTypeDenied, match=r"^Dag with dag_id: 'chain' does not allow manual runs$"):
        _trigger(tenant)
    assert _trigger(tenant, run_type="operator_triggered", run_id="x").run_type == "operator_triggered"


@pytest.mark.parametrize(
    ("run_id", "text"),
    [
        ("a/../b", "The run_id 'a/../b' must not contain '..' to prevent path traversal"),
        ("a b", "The run_id provided 'a b' does not match regex pattern"),
        (
            "scheduled__mine",
            "A manual DAG run cannot use ID 'scheduled__mine' since it is reserved for scheduled runs",
        ),
    ],
)
def test_run_ids_that_airflow_refuses(tenant: Tenant, dag: Dag, run_id: str, text: str) -> None:
    with pytest.raises(RunRefused) as refused:
        _trigger(tenant, run_id=run_id)
    assert str(refused.value).startswith(text)


def test_another_tenants_params_say_nothing(tenant: Tenant, other_tenant: Tenant, dag: Dag) -> None:
    parsed_dag(other_tenant, specs.dag("chain", [specs.task("one")], params=PARAMS))
    assert _trigger(tenant).state == "queued"
