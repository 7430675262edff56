"""publish: one version per content, one artefact per digest, one work item per version; tenants apart."""

from __future__ import annotations

import hashlib
import tarfile

import pytest

from controlplane.bundles.artefact import (
    ArtefactMissing,
    artefact_path,
    open_artefact,
    read_files,
    store_artefact,
)
from controlplane.bundles.changes import changes
from controlplane.bundles.refusal import BundleRefused
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.work_item import WorkItem
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, publish_files

database = pytest.mark.django_db(transaction=True)
FILES = {"dags/a.py": dag_file("a"), "dags/lib/util.py": b"X = 1\n", "run.sh": b"#!/bin/sh\n"}


def items(tenant: Tenant, kind: str) -> list[object]:
    with tenant_scope(tenant.id):
        return list(WorkItem.objects.filter(kind=kind).values_list("ref", flat=True))


@database
def test_a_version_is_recorded_with_its_work(tenant: Tenant) -> None:
    bundle = publish_files(
        tenant, FILES, commit_sha="c" * 40, source="git", branch="main", message="nul \0 here"
    )
    assert (bundle.state, bundle.file_count, bundle.candidates) == ("received", 3, ["dags/a.py"])
    assert bundle.files["run.sh"] == hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert bundle.summary["changed"]["added"] == sorted(FILES)
    assert bundle.message == "nul  here"
    assert items(tenant, "parse") == [bundle.id]


@database
def test_the_same_content_is_the_same_version(tenant: Tenant) -> None:
    first = publish_files(tenant, FILES)
    second = publish_files(tenant, dict(reversed(FILES.items())))
    assert second.id == first.id
    assert items(tenant, "parse") == [first.id]
    third = publish_files(tenant, {**FILES, "run.sh": b"other"})
    fourth = publish_files(tenant, FILES)
    assert len({first.id, third.id, fourth.id}) == 3
    assert fourth.digest == first.digest


@database
def test_a_version_that_failed_is_tried_again(tenant: Tenant) -> None:
    first = publish_files(tenant, FILES)
    with tenant_scope(tenant.id):
        WorkItem.objects.all().delete()
        BundleVersion.objects.filter(id=first.id).update(state="failed")
    again = publish_files(tenant, FILES)
    assert (again.id, again.state) == (first.id, "received")
    assert items(tenant, "parse") == [first.id]


@database
def test_two_tenants_share_the_artefact_and_nothing_else(tenant: Tenant, other_tenant: Tenant) -> None:
    mine, theirs = publish_files(tenant, FILES), publish_files(other_tenant, FILES)
    assert mine.digest == theirs.digest
    assert mine.id != theirs.id
    with tenant_scope(tenant.id):
        assert [bundle.id for bundle in BundleVersion.objects.all()] == [mine.id]


@database
def test_an_empty_bundle_is_refused(tenant: Tenant) -> None:
    with pytest.raises(BundleRefused, match="holds no files"):
        publish_files(tenant, {})


@database
def test_requirements_choose_the_runtime(tenant: Tenant, other_tenant: Tenant) -> None:
    plain = publish_files(tenant, FILES)
    extra = publish_files(tenant, {**FILES, "requirements.txt": b"# mine\nrequests==2.0 # pinned\n\nattrs\n"})
    same = publish_files(tenant, {**FILES, "requirements.txt": b"attrs\nrequests==2.0\n"})
    theirs = publish_files(other_tenant, {**FILES, "requirements.txt": b"attrs\nrequests==2.0\n"})
    with tenant_scope(tenant.id):
        digests = dict(Runtime.objects.values_list("id", "digest"))
        requirements = Runtime.objects.get(id=extra.runtime_id).requirements
    assert requirements == "attrs\nrequests==2.0"
    assert plain.runtime_id != extra.runtime_id == same.runtime_id != theirs.runtime_id
    with tenant_scope(other_tenant.id):
        assert Runtime.objects.get(id=theirs.runtime_id).digest == digests[extra.runtime_id]


def test_the_artefact_is_canonical_and_written_once() -> None:
    first = store_artefact(files=FILES)
    file = artefact_path(first.digest).stat().st_ino
    assert store_artefact(files=dict(reversed(FILES.items()))) == first
    assert artefact_path(first.digest).stat().st_ino == file
    with open_artefact(first.digest) as raw:
        assert hashlib.sha256(raw.read()).hexdigest() == first.digest
        raw.seek(0)
        members = tarfile.open(fileobj=raw).getmembers()  # noqa: SIM115
    assert [(m.name, m.mode, m.mtime, m.uid) for m in members] == [
        ("dags/a.py", 0o644, 0, 0),
        ("dags/lib/util.py", 0o644, 0, 0),
        ("run.sh", 0o755, 0, 0),
    ]
    assert read_files(digest=first.digest, paths=["run.sh", "absent"]) == {"run.sh": b"#!/bin/sh\n"}
    leftovers = [
        path for path in artefact_path(first.digest).parents[1].iterdir() if path.name.startswith(".new-")
    ]
    assert leftovers == []


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", "", "G" * 64])
def test_an_unknown_artefact_is_missing(digest: str) -> None:
    with pytest.raises(ArtefactMissing):
        open_artefact(digest)


def test_changes_are_by_digest() -> None:
    told = changes({"same": "1", "other": "1", "gone": "1"}, {"same": "1", "other": "2", "new": "3"})
    assert told.as_dict() == {"added": ["new"], "changed": ["other"], "removed": ["gone"]}


@database
def test_the_clock_is_an_argument(tenant: Tenant) -> None:
    now = utc_now()
    assert publish_files(tenant, FILES, now=now).created_at == now
