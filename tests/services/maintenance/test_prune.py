"""What a tenant keeps no longer goes in small batches, with its files; what it keeps and other tenants' rows stay."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from controlplane.execution import logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.retention import Retention
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.xcom import XCom
from controlplane.maintenance import prune
from controlplane.maintenance.keep import keep
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import created_run, parsed_dag

NOW = utc_now()


def runs(tenant: Tenant, *ages: int, state: str = "success", dag_id: str = "etl") -> list[DagRun]:
    """Ended runs, so many days old, each with a log and an XCom."""
    dag = parsed_dag(tenant, specs.dag(dag_id, [specs.task("only")]))
    made = []
    for age in ages:
        run = created_run(tenant, dag, run_id=f"r{age}")
        when = NOW - timedelta(days=age)
        with tenant_scope(tenant.id):
            DagRun.objects.filter(id=run.id).update(
                state=state, run_after=when, end_date=when, start_date=when
            )
            XCom(
                tenant=tenant, dag_run=run, task_id="only", map_index=-1, key="k", value=1, timestamp=when
            ).save(force_insert=True)
        logs.append(key=key(tenant, run), offset=0, data=b"said\n")
        made.append(run)
    return made


def key(tenant: Tenant, run: DagRun) -> str:
    return logs.log_key(
        tenant_id=tenant.id, dag_id=run.dag_id, run_id=run.run_id, task_id="only", map_index=-1, try_number=1
    )


def keeping(tenant: Tenant, **days: int) -> None:
    with tenant_scope(tenant.id):
        keep(
            days={"runs_days": None, "logs_days": None, "xcoms_days": None, "alerts_days": None, **days},
            now=NOW,
        )


def go(tenant: Tenant, now: datetime = NOW) -> datetime | None:
    return prune.prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=now)


def left(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return sorted(DagRun.objects.values_list("run_id", flat=True))


def test_old_runs_go_with_all_that_hangs_on_them(tenant: Tenant, other_tenant: Tenant) -> None:
    old, *_ = runs(tenant, 40, 20, 1)
    theirs, *_ = runs(other_tenant, 40, 1)
    keeping(tenant, runs_days=30)
    assert go(tenant) == NOW + timedelta(days=1)
    assert left(tenant) == ["r1", "r20"]
    assert logs.size(key(tenant, old)) == 0
    with tenant_scope(tenant.id):
        assert not TaskInstance.objects.filter(dag_run_id=old.id).exists()
        assert not XCom.objects.filter(dag_run_id=old.id).exists()
        assert Retention.objects.get().pruned == {"runs": 1}
    assert left(other_tenant) == ["r1", "r40"]
    assert logs.size(key(other_tenant, theirs)) == 5


@pytest.mark.parametrize("state", ["running", "queued"])
def test_what_goes_on_stays_whatever_its_age(tenant: Tenant, state: str) -> None:
    runs(tenant, 40, state=state)
    runs(tenant, 1)
    keeping(tenant, runs_days=30)
    go(tenant)
    assert left(tenant) == ["r1", "r40"]


def test_the_newest_run_of_a_dag_stays(tenant: Tenant) -> None:
    runs(tenant, 90, 80)
    keeping(tenant, runs_days=30)
    go(tenant)
    assert left(tenant) == ["r80"]


def test_logs_and_xcoms_go_before_their_run(tenant: Tenant) -> None:
    old, young = runs(tenant, 10, 1)
    keeping(tenant, logs_days=7, xcoms_days=7)
    go(tenant)
    assert left(tenant) == ["r1", "r10"]
    assert (logs.size(key(tenant, old)), logs.size(key(tenant, young))) == (0, 5)
    with tenant_scope(tenant.id):
        assert list(XCom.objects.values_list("dag_run_id", flat=True)) == [young.id]
        assert Retention.objects.get().pruned == {"logs": 1, "xcoms": 1}
    go(tenant)
    with tenant_scope(tenant.id):
        assert Retention.objects.get().pruned == {"logs": 0, "xcoms": 0}, "once"


def test_batches_are_bounded_and_the_rest_follows(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "RUNS", 1)
    monkeypatch.setattr(prune, "ROWS", 1)
    monkeypatch.setattr(prune, "BATCHES", 2)
    runs(tenant, 90, 80, 70, 60, 1)
    keeping(tenant, runs_days=30, xcoms_days=30)
    assert go(tenant) == NOW + prune.REST
    assert left(tenant) == ["r1", "r60", "r70"]
    assert go(tenant) is not None
    assert left(tenant) == ["r1"]


def test_a_round_that_died_goes_on(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(tenant, 90, 80, 1)

    class Died(Exception):
        pass

    def dies(**_: object) -> int:
        raise Died

    keeping(tenant, runs_days=30)
    with monkeypatch.context() as one, pytest.raises(Died):
        one.setattr(logs, "forget_run", dies)
        go(tenant)
    go(tenant)
    assert left(tenant) == ["r1"]


def test_a_tenant_that_keeps_everything_has_no_errand(tenant: Tenant) -> None:
    runs(tenant, 4000, 1)
    assert go(tenant) is None
    assert left(tenant) == ["r1", "r4000"]
    with tenant_scope(tenant.id):
        assert not Errand.objects.exists()
    keeping(tenant, runs_days=30)
    keeping(tenant, runs_days=60)
    with tenant_scope(tenant.id):
        assert list(Errand.objects.values_list("kind", "ref")) == [("prune", tenant.id)]
