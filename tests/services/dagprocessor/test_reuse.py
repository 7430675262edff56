"""An unchanged file is not parsed again, and every reason to parse it again is one."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from controlplane.bundles.runtimes import dispatch_build, store_built
from controlplane.dagprocessor.dispatch import dispatch_parse
from controlplane.dagprocessor.known import Listings
from controlplane.dagprocessor.plan import plan_parse
from controlplane.dagprocessor.store import store_report
from controlplane.dagprocessor.workload import parse_workload
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, failure, make_runtime_ready, parsed, publish_files, report_for
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)
FILES = {
    "dags/a.py": dag_file("a"),
    "dags/b.py": dag_file("b"),
    "dags/lib.py": b"X = 1",
    "conf/a.json": b"{}",
}


def digest(files: dict[str, bytes], path: str) -> str:
    return hashlib.sha256(files[path]).hexdigest()


def deploy(tenant: Tenant, files: dict[str, bytes], **a_fields: Any) -> BundleVersion:
    """a.py reads what `a_fields` says, b.py reads lib.py."""
    bundle = publish_files(tenant, files)
    make_runtime_ready(tenant, bundle)
    b = parsed("dags/b.py", chain("b", 1), dependencies={"dags/lib.py": digest(files, "dags/lib.py")})
    report = report_for(bundle, parsed("dags/a.py", chain("a", 1), **a_fields), b)
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report, now=utc_now())
    return bundle


def planned(tenant: Tenant, files: dict[str, bytes]) -> list[str]:
    bundle = publish_files(tenant, files)
    make_runtime_ready(tenant, bundle)
    with tenant_scope(tenant.id):
        order = plan_parse(bundle=BundleVersion.objects.select_related("runtime").get(id=bundle.id))
    return [] if order is None else order.paths


def test_everything_is_parsed_at_first(tenant: Tenant) -> None:
    assert planned(tenant, FILES) == ["dags/a.py", "dags/b.py"]


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"README": b"new"}, []),
        ({"dags/a.py": dag_file("a") + b"#"}, ["dags/a.py"]),
        ({"dags/lib.py": b"X = 2"}, ["dags/b.py"]),
        ({"dags/c.py": dag_file("c")}, ["dags/c.py"]),
        ({"conf/a.json": b"[]"}, ["dags/a.py"]),
        ({"conf/late.json": b"1"}, ["dags/a.py"]),
        ({"conf/deep/x": b"1"}, ["dags/a.py"]),
        ({"requirements.txt": b"attrs"}, ["dags/a.py", "dags/b.py"]),
    ],
)
def test_only_files_with_a_reason_are_parsed(
    tenant: Tenant, change: dict[str, bytes], paths: list[str]
) -> None:
    deploy(
        tenant,
        FILES,
        dependencies={"conf/a.json": digest(FILES, "conf/a.json"), "conf/missing.json": ""},
        listed_folders=["conf"],
    )
    assert planned(tenant, {**FILES, **change}) == paths


def test_a_file_that_was_looked_for_in_vain_is_a_reason(tenant: Tenant) -> None:
    deploy(tenant, FILES, dependencies={"other/missing.json": ""})
    assert planned(tenant, {**FILES, "other/else.json": b""}) == []
    assert planned(tenant, {**FILES, "other/missing.json": b""}) == ["dags/a.py"]


def test_a_file_that_goes_away_is_a_reason(tenant: Tenant) -> None:
    deploy(tenant, FILES, dependencies={"conf/a.json": digest(FILES, "conf/a.json")})
    assert planned(tenant, {path: c for path, c in FILES.items() if path != "conf/a.json"}) == ["dags/a.py"]


@pytest.mark.parametrize(
    ("kind", "paths"),
    [("exception", []), ("syntax", []), ("timeout", ["dags/a.py"]), ("crash", ["dags/a.py"])],
)
def test_a_failure_that_may_pass_is_tried_again(tenant: Tenant, kind: str, paths: list[str]) -> None:
    deploy(tenant, FILES, failures=[failure("dags/a.py", "wrong", kind=kind)])
    assert planned(tenant, {**FILES, "README": b""}) == paths


def test_reused_results_are_stored_at_once_with_the_new_bundle(tenant: Tenant) -> None:
    deploy(tenant, FILES, failures=[failure("dags/a.py", "half wrong")])
    bundle = publish_files(tenant, {**FILES, "sql/new.sql": b"select 1"})
    with tenant_scope(tenant.id):
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) is None
        bundle.refresh_from_db()
        dags = {dag.dag_id: dag.bundle_version_id for dag in Dag.objects.all()}
        assert DagVersion.objects.count() == 2
    assert bundle.state == "parsed"
    assert bundle.summary["files"] == {"parsed": 0, "reused": 2}
    assert dags == {"a": bundle.id, "b": bundle.id}
    assert [error["message"] for error in bundle.summary["errors"]] == ["half wrong"]


def test_the_order_names_only_what_is_not_known(tenant: Tenant) -> None:
    deploy(tenant, FILES)
    bundle = publish_files(tenant, {**FILES, "dags/c.py": dag_file("c")})
    with tenant_scope(tenant.id):
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) == 1
        assert list(Workload.objects.values_list("kind", "ref", "epoch")) == [("parse", bundle.id, 1)]
        bundle.refresh_from_db()
        work = parse_workload(bundle=bundle)
        assert work.parse is not None and work.bundle is not None
        assert (work.parse.paths, work.bundle.digest, work.tenant) == (
            ["dags/c.py"],
            bundle.digest,
            tenant.slug,
        )
        store_report(
            bundle_id=bundle.id, report=report_for(bundle, parsed("dags/c.py", chain("c", 1))), now=utc_now()
        )
        assert sorted(Dag.objects.filter(is_stale=False).values_list("dag_id", flat=True)) == ["a", "b", "c"]
        assert not Workload.objects.exists()


def test_a_result_that_no_longer_holds_when_the_report_comes_is_ordered_again(tenant: Tenant) -> None:
    deploy(tenant, FILES)
    bundle = publish_files(tenant, {**FILES, "dags/c.py": dag_file("c")})
    with tenant_scope(tenant.id):
        dispatch_parse(bundle_id=bundle.id, now=utc_now())
        DagVersion.objects.filter(dag_id="b").delete()
        WorkItem.objects.all().delete()
        report = report_for(bundle, parsed("dags/c.py", chain("c", 1)))
        assert store_report(bundle_id=bundle.id, report=report, now=utc_now()).state == "received"
        assert list(WorkItem.objects.values_list("kind", "ref")) == [("parse", bundle.id)]
        bundle.refresh_from_db()
        assert plan_parse(bundle=bundle).paths == ["dags/b.py", "dags/c.py"]  # type: ignore[union-attr]


def test_a_file_without_an_answer_is_told_after_three_orders(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    make_runtime_ready(tenant, bundle)
    states = []
    with tenant_scope(tenant.id):
        for _ in range(3):
            dispatch_parse(bundle_id=bundle.id, now=utc_now())
            report = report_for(bundle, parsed("dags/a.py", chain("a", 1)))
            states.append(store_report(bundle_id=bundle.id, report=report, now=utc_now()).state)
        bundle.refresh_from_db()
    assert states == ["received", "received", "parsed"]
    assert [error["path"] for error in bundle.summary["errors"]] == ["dags/b.py"]


def test_another_tenants_results_are_not_reused(tenant: Tenant, other_tenant: Tenant) -> None:
    deploy(other_tenant, FILES)
    assert planned(tenant, FILES) == ["dags/a.py", "dags/b.py"]


def test_what_is_under_way_is_not_dispatched_again(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    assert bundle.runtime_id is not None
    with tenant_scope(tenant.id):
        assert dispatch_build(runtime_id=bundle.runtime_id, now=utc_now()) == 1
        assert dispatch_build(runtime_id=bundle.runtime_id, now=utc_now()) is None
        store_built(runtime_id=bundle.runtime_id, ok=True, message="", log="", now=utc_now())
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) == 1
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) is None
        assert list(Workload.objects.values_list("kind", "epoch")) == [("parse", 1)]
        Workload.objects.all().delete()
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) == 2


def test_listings_see_names_and_not_contents() -> None:
    one = Listings(["a/b/c.py", "a/d.py", "e.py"])
    assert one.digest("a") == Listings(["a/b/other.py", "a/d.py"]).digest("a")
    assert one.digest("a") != Listings(["a/b.py", "a/d.py"]).digest("a")
    assert one.digest(".") == Listings(["e.py", "a/x"]).digest(".")
    assert one.digest("nowhere") == Listings([]).digest("a")
