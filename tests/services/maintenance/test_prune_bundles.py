"""Bundle versions that nothing uses go, with what was made of them; each kind of use keeps one."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from controlplane.bundles.artefact import artefact_path, store_artefact
from controlplane.bundles.sweep import sweep_artefacts
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.artefact_use import ArtefactUse
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.deployment_overlay import DeploymentOverlay
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.models.import_error import ImportError as ImportErrorRow
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from controlplane.maintenance import prune, prune_bundles
from controlplane.maintenance.keep import keep
from domain.ids import uuid7
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import created_run, parsed_dag, published_bundle

NOW = utc_now()
OLD = NOW - timedelta(days=100)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)


def bundle(tenant: Tenant, at: datetime = OLD, **more: Any) -> BundleVersion:
    return published_bundle(tenant, created_at=at, parsed_at=at, **more)


def go(tenant: Tenant, now: datetime = NOW) -> dict[str, int]:
    with tenant_scope(tenant.id):
        keep(days={"bundles_days": 30}, now=NOW)
    prune.prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=now)
    with tenant_scope(tenant.id):
        from controlplane.ledger.models.retention import Retention

        return {name: count for name, count in Retention.objects.get().pruned.items() if count}


def is_there(row: BundleVersion) -> bool:
    with tenant_scope(row.tenant_id):
        return BundleVersion.objects.filter(id=row.id).exists()


def deploy(row: BundleVersion, number: int, state: str, ended: datetime | None = None) -> None:
    Deployment(
        id=uuid7(), tenant_id=row.tenant_id, number=number, bundle_version_id=row.id, reason="push", state=state,
        created_at=OLD, ended_at=ended,
    ).save(force_insert=True)  # fmt: skip


def in_force(row: BundleVersion) -> None:
    deploy(row, 1, "active")


def waiting(row: BundleVersion) -> None:
    deploy(row, 1, "waiting")


def ended_lately(row: BundleVersion) -> None:
    deploy(row, 1, "superseded", NOW - timedelta(days=2))


def pinned(row: BundleVersion) -> None:
    deploy(row, 7, "superseded", OLD)
    Tenant.objects.filter(id=row.tenant_id).update(settings={"pinned_deployment": 7})


def import_error(row: BundleVersion) -> None:
    ImportErrorRow(
        id=uuid7(), tenant_id=row.tenant_id, serial=1, filename="dags/a.py", bundle_version_id=row.id,
        stacktrace="", timestamp=OLD,
    ).save(force_insert=True)  # fmt: skip


def being_parsed(row: BundleVersion) -> None:
    Workload(id=uuid7(), tenant_id=row.tenant_id, kind="parse", ref=row.id, epoch=1, dispatched_at=NOW).save(
        force_insert=True
    )


def watched(row: BundleVersion) -> None:
    Trigger(
        id=uuid7(), tenant_id=row.tenant_id, classpath="a.B", created_at=OLD, bundle_version_id=row.id
    ).save(force_insert=True)


@pytest.mark.parametrize(
    "use", [in_force, waiting, ended_lately, pinned, import_error, being_parsed, watched]
)
def test_what_is_used_stays(tenant: Tenant, use: Callable[[BundleVersion], None]) -> None:
    kept, unused, newest = bundle(tenant), bundle(tenant), bundle(tenant)
    with tenant_scope(tenant.id):
        use(kept)
    assert go(tenant)["bundles"] == 1
    assert (is_there(kept), is_there(unused), is_there(newest)) == (True, False, True)


def test_what_is_young_stays_and_other_tenants_do(tenant: Tenant, other_tenant: Tenant) -> None:
    young, theirs, newest = bundle(tenant, NOW - timedelta(days=3)), bundle(other_tenant), bundle(tenant)
    bundle(other_tenant)
    assert "bundles" not in go(tenant)
    assert is_there(young) and is_there(theirs) and is_there(newest)


def test_deployments_that_are_over_go_with_their_bundle(tenant: Tenant) -> None:
    unused, newest = bundle(tenant), bundle(tenant)
    with tenant_scope(tenant.id):
        deploy(unused, 1, "superseded", OLD)
        deploy(newest, 2, "active")
        DeploymentOverlay(id=uuid7(), tenant_id=tenant.id, created_at=OLD).save(force_insert=True)
    assert go(tenant) == {"bundles": 1, "overlays": 1, "artefacts": 1}
    with tenant_scope(tenant.id):
        assert list(Deployment.objects.values_list("number", flat=True)) == [2]


def versions(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant.id):
        return list(DagVersion.objects.order_by("version_number").values_list("version_number", flat=True))


def three_versions(tenant: Tenant) -> list[BundleVersion]:
    """Of one DAG, each with a bundle of its own; the third is the current one."""
    made = []
    for number in range(3):
        made.append(bundle(tenant))
        parsed_dag(tenant, specs.dag("etl", [specs.task(f"t{number}")]), bundle=made[-1])
    with tenant_scope(tenant.id):
        DagVersion.objects.update(created_at=OLD)
    return made


def test_contents_of_dags_that_nothing_has_go_with_their_bundles(tenant: Tenant) -> None:
    one, two, three = three_versions(tenant)
    found = go(tenant)
    assert (found["dag_versions"], found["bundles"]) == (2, 2)
    assert versions(tenant) == [3]
    assert (is_there(one), is_there(two), is_there(three)) == (False, False, True)


@pytest.mark.parametrize("state", ["running", "success"])
def test_a_kept_run_keeps_its_content_bundle_and_runtime(tenant: Tenant, state: str) -> None:
    first = bundle(tenant)
    run = created_run(tenant, parsed_dag(tenant, specs.dag("etl", [specs.task("t")]), bundle=first))
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=run.id).update(state=state, run_after=OLD, end_date=OLD)
        Runtime.objects.update(created_at=OLD)
    second = bundle(tenant)
    parsed_dag(tenant, specs.dag("etl", [specs.task("other")]), bundle=second)
    with tenant_scope(tenant.id):
        DagVersion.objects.update(created_at=OLD)
    assert go(tenant) == {}
    assert versions(tenant) == [1, 2] and is_there(first)


def test_an_earlier_try_keeps_the_content_that_it_ran(tenant: Tenant) -> None:
    first, *_ = three_versions(tenant)
    with tenant_scope(tenant.id):
        dag = DagVersion.objects.get(version_number=1)
    from controlplane.ledger.models.dag import Dag

    with tenant_scope(tenant.id):
        etl = Dag.objects.get(dag_id="etl")
    run = created_run(tenant, etl)
    with tenant_scope(tenant.id):
        instance = TaskInstance.objects.filter(dag_run_id=run.id).first()
        assert instance is not None
        TaskTry(
            id=uuid7(), tenant_id=tenant.id, task_instance_id=instance.id, try_number=1, epoch=1, state="failed",
            dag_version_id=dag.id, bundle_version_id=first.id,
        ).save(force_insert=True)  # fmt: skip
    go(tenant)
    assert versions(tenant) == [1, 3] and is_there(first)


def test_parse_results_and_runtimes_of_no_bundle_go(tenant: Tenant) -> None:
    newest = bundle(tenant, files={"dags/a.py": "1"})
    with tenant_scope(tenant.id):
        for sha in (newest.files["dags/a.py"], "f" * 64):
            FileParse(
                id=uuid7(), tenant_id=tenant.id, path="dags/a.py", sha256=sha, runtime_digest="d", dependencies={},
                parsed_at=OLD,
            ).save(force_insert=True)  # fmt: skip
        Runtime(
            id=uuid7(),
            tenant_id=tenant.id,
            digest="e" * 64,
            airflow="3",
            python="3",
            state="ready",
            created_at=OLD,
        ).save(force_insert=True)
        Runtime.objects.update(created_at=OLD)
    assert go(tenant) == {"parse_results": 1, "runtimes": 1}
    with tenant_scope(tenant.id):
        assert list(FileParse.objects.values_list("sha256", flat=True)) == [newest.files["dags/a.py"]]
        assert list(Runtime.objects.values_list("id", flat=True)) == [newest.runtime_id]


def test_it_goes_in_batches(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune_bundles, "BUNDLES", 1)
    monkeypatch.setattr(prune, "BATCHES", 2)
    for _ in range(5):
        bundle(tenant)
    assert go(tenant)["bundles"] == 2
    assert go(tenant)["bundles"] == 2
    assert "bundles" not in go(tenant)


def test_an_artefact_goes_when_the_last_tenant_has_no_bundle_of_it(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    shared = store_artefact(files={"dags/a.py": b"1"}).digest
    own = store_artefact(files={"dags/a.py": b"2"}).digest
    fresh = store_artefact(files={"dags/a.py": b"3"}).digest
    for digest in (shared, own):
        hours_ago(digest, 2)
        bundle(tenant, digest=digest)
    bundle(tenant)
    bundle(other_tenant, digest=shared)
    sweep_artefacts(now=NOW)
    assert there(shared, own, fresh) == [True, True, True], "used, and just stored"
    assert go(tenant)["artefacts"] == 2
    assert sweep_artefacts(now=NOW) == "1 artefacts deleted"
    assert there(shared, own, fresh) == [True, False, True]
    with tenant_scope(other_tenant.id):
        assert list(ArtefactUse.objects.values_list("digest", flat=True)) == [shared]


def test_storing_what_is_there_makes_it_young(tenant: Tenant) -> None:
    digest = store_artefact(files={"dags/a.py": b"1"}).digest
    hours_ago(digest, 2)
    store_artefact(files={"dags/a.py": b"1"})
    assert sweep_artefacts(now=utc_now()) == "0 artefacts deleted"
    hours_ago(digest, 2)
    assert sweep_artefacts(now=utc_now()) == "1 artefacts deleted"


def hours_ago(digest: str, hours: int) -> None:
    then = NOW.timestamp() - hours * 3600
    os.utime(artefact_path(digest), (then, then))


def there(*digests: str) -> list[bool]:
    return [artefact_path(digest).exists() for digest in digests]
