"""Runtimes: asked for once, built, and then the bundles that wait are parsed or told why not."""

from __future__ import annotations

import pytest

from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.requirements import normalise_requirements, runtime_digest
from controlplane.bundles.runtimes import RuntimeUnknown, dispatch_build, store_built
from controlplane.dagprocessor.dispatch import dispatch_parse
from controlplane.dagprocessor.workload import build_workload
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, publish_files

database = pytest.mark.django_db(transaction=True)
FILES = {"dags/a.py": dag_file("a"), "requirements.txt": b"attrs==1\n"}


@database
def test_a_new_runtime_is_built_once_and_then_parsing_goes_on(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    publish_files(tenant, {**FILES, "other": b""})
    assert bundle.runtime_id is not None
    with tenant_scope(tenant.id):
        assert list(WorkItem.objects.filter(kind="build").values_list("ref", flat=True)) == [
            bundle.runtime_id
        ]
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) is None
        assert dispatch_build(runtime_id=bundle.runtime_id, now=utc_now()) == 1
        assert list(Workload.objects.values_list("kind", "ref", "epoch")) == [("build", bundle.runtime_id, 1)]
        runtime = Runtime.objects.get(id=bundle.runtime_id)
        work = build_workload(runtime=runtime)
        assert work.build is not None
        assert (work.tenant, work.epoch, work.build.requirements) == (tenant.slug, 1, "attrs==1")
        WorkItem.objects.all().delete()
        store_built(runtime_id=runtime.id, ok=True, message="", log="done", now=utc_now())
        assert WorkItem.objects.filter(kind="parse").count() == 2
        assert not Workload.objects.exists()
        assert dispatch_build(runtime_id=runtime.id, now=utc_now()) is None
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) == 1


@database
def test_a_failed_build_fails_the_bundles_and_the_next_push_tries_again(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    assert bundle.runtime_id is not None
    with tenant_scope(tenant.id):
        dispatch_build(runtime_id=bundle.runtime_id, now=utc_now())
        store_built(runtime_id=bundle.runtime_id, ok=False, message="no such package", log="", now=utc_now())
        bundle.refresh_from_db()
        WorkItem.objects.all().delete()
    assert bundle.state == "failed"
    assert "no such package" in bundle.summary["errors"][0]["message"]
    assert bundle.summary["errors"][0]["path"] == "requirements.txt"
    again = publish_files(tenant, FILES)
    assert (again.id, again.state) == (bundle.id, "received")
    with tenant_scope(tenant.id):
        assert Runtime.objects.get().state == "queued"
        assert set(WorkItem.objects.values_list("kind", flat=True)) == {"build", "parse"}


@database
def test_a_late_outcome_changes_nothing(tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    assert bundle.runtime_id is not None
    with tenant_scope(tenant.id):
        store_built(runtime_id=bundle.runtime_id, ok=True, message="", log="", now=utc_now())
        store_built(runtime_id=bundle.runtime_id, ok=False, message="late", log="", now=utc_now())
        assert Runtime.objects.get().state == "ready"
        assert BundleVersion.objects.get().state == "received"


@database
def test_a_stranger_cannot_report_a_build(tenant: Tenant, other_tenant: Tenant) -> None:
    bundle = publish_files(tenant, FILES)
    assert bundle.runtime_id is not None
    with tenant_scope(other_tenant.id):
        with pytest.raises(RuntimeUnknown):
            store_built(runtime_id=bundle.runtime_id, ok=True, message="", log="", now=utc_now())
        assert dispatch_build(runtime_id=bundle.runtime_id, now=utc_now()) is None
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) is None
    with tenant_scope(tenant.id):
        assert Runtime.objects.get().state == "queued"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (b"", ""),
        (b"\xef\xbb\xbfattrs\r\n\r\n# comment\r\nrequests  >= 2\n", "attrs\nrequests >= 2"),
        (b"b\na\nb\n", "a\nb"),
        (b"attrs==1 \\\n  --hash=sha256:abc\n", "attrs==1 --hash=sha256:abc"),
        (b"pkg @ git+https://example.com/x#egg=pkg\n", "pkg @ git+https://example.com/x#egg=pkg"),
    ],
)
def test_requirements_have_one_form(text: bytes, normal: str) -> None:
    assert normalise_requirements(text) == normal


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"attrs\n-r other.txt\n", "line 2"),
        (b"-e .\n", "line 1"),
        (b"--constraint=c.txt\n", "line 1"),
        (b"./wheels/x.whl\n", "line 1"),
        (b"/opt/x.whl\n", "line 1"),
        (b"x @ file:///opt/x.whl\n", "line 1"),
        (b"\xff\xfe", "UTF-8"),
        (b"a" * 300_000, "larger than"),
    ],
)
def test_requirements_that_read_other_files_are_refused(text: bytes, line: str) -> None:
    with pytest.raises(BundleRefused, match=line):
        normalise_requirements(text)


def test_the_runtime_is_named_by_all_three() -> None:
    names = {
        runtime_digest(airflow=airflow, python=python, requirements=requirements)
        for airflow in ("3.3.2", "3.3.3")
        for python in ("3.11", "3.12")
        for requirements in ("", "attrs")
    }
    assert len(names) == 8
