"""Bundles as people send them, and what a runtime would tell of them."""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.bundles.publish import publish
from controlplane.bundles.runtimes import dispatch_build, store_built
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse, ImportFailure, ParseReport
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope


def dag_file(dag_id: str) -> bytes:
    """A file that looks as if it held a DAG."""
    return f"from airflow.sdk import DAG\n\nwith DAG({dag_id!r}):\n    pass\n".encode()


def publish_files(tenant: Tenant, files: dict[str, bytes], **fields: Any) -> BundleVersion:
    """Publish as an upload, in a scope of its own."""
    values: dict[str, Any] = {
        "source": "upload",
        "commit_sha": None,
        "branch": None,
        "message": "",
        "pushed_by": "somebody",
        "now": utc_now(),
    }
    with tenant_scope(tenant.id):
        return publish(files=files, **{**values, **fields})


def make_runtime_ready(tenant: Tenant, bundle: BundleVersion) -> None:
    """As if an agent had built the bundle's runtime."""
    assert bundle.runtime_id is not None
    with tenant_scope(tenant.id):
        dispatch_build(runtime_id=bundle.runtime_id, now=utc_now())
        store_built(runtime_id=bundle.runtime_id, ok=True, message="", log="", now=utc_now())


def parsed(path: str, *specs: dict[str, Any], **fields: Any) -> FileParse:
    """One file's result; the digest is filled in by `report_for`."""
    return FileParse(path=path, sha256="", dags=[msgspec.convert(spec, DagSpec) for spec in specs], **fields)


def failure(path: str, message: str, line: int = 1, kind: str = "exception") -> ImportFailure:
    """An import that went wrong."""
    return ImportFailure(
        path=path, message=message, stacktrace=f"Traceback…\n{message}", line=line, kind=kind
    )


def report_for(bundle: BundleVersion, *files: FileParse) -> ParseReport:
    """The report of these files; each depends on itself unless it says otherwise."""
    with tenant_scope(bundle.tenant_id):
        assert bundle.runtime is not None
        runtime_digest = bundle.runtime.digest
    told = [
        msgspec.structs.replace(
            file,
            sha256=bundle.files.get(file.path, ""),
            dependencies={file.path: bundle.files.get(file.path, ""), **file.dependencies},
        )
        for file in files
    ]
    return ParseReport(bundle_digest=bundle.digest, runtime_digest=runtime_digest, files=told)
