"""What a tenant stores is measured once a day, per kind and DAG, also while it is idle, and is in its usage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from api.errand_wiring import ERRANDS
from controlplane.bundles.artefact import artefact_path, store_artefact
from controlplane.execution import logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.usage_storage import UsageStorage
from controlplane.ledger.models.xcom import XCom
from controlplane.maintenance.storage import measure_tenant
from controlplane.maintenance.usage import usage_due
from controlplane.maintenance.usage_read import usage
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import created_run, parsed_dag, published_bundle

NOW = datetime(2026, 7, 1, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)
    monkeypatch.setattr(settings, "GIT_DIR", tmp_path / "git")
    yield tmp_path


def fill(tenant: Tenant, dag_id: str = "etl") -> None:
    """An XCom of 700 bytes, a log of 5, and a bundle of one file of 9."""
    digest = store_artefact(files={"dags/a.py": b"# nothing"}).digest
    bundle = published_bundle(tenant, {"dags/a.py": "# nothing"}, digest=digest)
    run = created_run(tenant, parsed_dag(tenant, specs.dag(dag_id, [specs.task("only")]), bundle=bundle))
    with tenant_scope(tenant.id):
        XCom(
            tenant_id=tenant.id, dag_run_id=run.id, dag_id=dag_id, run_id=run.run_id, task_id="only", key="k",
            kept_as="elsewhere", bytes=700, timestamp=NOW,
        ).save(force_insert=True)  # fmt: skip
    key = logs.log_key(
        tenant_id=tenant.id, dag_id=dag_id, run_id=run.run_id, task_id="only", map_index=-1, try_number=1
    )
    logs.append(key=key, offset=0, data=b"said\n")


def stored(tenant: Tenant) -> dict[tuple[str, str], int]:
    with tenant_scope(tenant.id):
        return {(row.kind, row.dag_id): row.bytes for row in UsageStorage.objects.all()}


def go(tenant: Tenant, now: datetime = NOW) -> datetime | None:
    return measure_tenant(tenant_id=tenant.id, ref=tenant.id, now=now)


def test_each_kind_is_measured(tenant: Tenant, other_tenant: Tenant, store: Path) -> None:
    fill(tenant)
    fill(other_tenant)
    for repository in (store / "git", store / "git" / "remotes"):
        (repository / f"{tenant.id}.git" / "objects").mkdir(parents=True)
        (repository / f"{tenant.id}.git" / "objects" / "pack").write_bytes(b"x" * 50)
    again = go(tenant)
    assert again is not None and datetime(2026, 7, 2, tzinfo=UTC) <= again < datetime(2026, 7, 3, tzinfo=UTC)
    artefact = artefact_path(store_artefact(files={"dags/a.py": b"# nothing"}).digest).stat().st_size
    assert stored(tenant) == {
        ("xcom", "etl"): 700,
        ("log", "etl"): 5,
        ("bundle", ""): 9,
        ("artefact", ""): artefact,
        ("git", ""): 100,
    }
    assert stored(other_tenant) == {}


def test_one_content_counts_once_and_logs_of_dags_that_are_gone_count(tenant: Tenant) -> None:
    fill(tenant)
    fill(tenant, "näme with / and %")
    logs.append(key=f"{tenant.id}/gone/r/only/-1/1.log", offset=0, data=b"x" * 30)
    go(tenant)
    found = stored(tenant)
    assert found["bundle", ""] == 9
    assert (found["log", "etl"], found["log", "näme with / and %"], found["log", ""]) == (5, 5, 30)


def test_a_day_is_measured_once(tenant: Tenant) -> None:
    fill(tenant)
    go(tenant)
    fill(tenant, "later")
    go(tenant, NOW + timedelta(hours=3))
    assert ("xcom", "later") not in stored(tenant)
    go(tenant, NOW + timedelta(days=1))
    with tenant_scope(tenant.id):
        assert UsageStorage.objects.filter(dag_id="later", kind="xcom").count() == 1
        [total] = usage(first=NOW.date(), last=(NOW + timedelta(days=2)).date(), by="total", prices={})
        bytes_of = sum(UsageStorage.objects.values_list("bytes", flat=True))
    assert total.storage_gib_days == bytes_of / 2**30


def test_who_stores_nothing_is_not_measured(tenant: Tenant) -> None:
    assert go(tenant) is None
    assert stored(tenant) == {}


def test_the_first_usage_asks_for_it_once(tenant: Tenant) -> None:
    assert ERRANDS["measure"] is measure_tenant
    for _ in range(2):
        with tenant_scope(tenant.id, using="scheduler"):
            usage_due(ref=None, now=utc_now(), using="scheduler")
    with tenant_scope(tenant.id):
        assert list(Errand.objects.values_list("kind", "ref")) == [("measure", tenant.id)]
