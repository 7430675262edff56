"""Deployments as the platform makes them: published, parsed and in force, step by step."""

from __future__ import annotations

from typing import Any

from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.deployment import Deployment
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, make_runtime_ready, parsed, publish_files, report_for
from tests.support.specs import chain


def store_parsed(tenant: Tenant, bundle: BundleVersion, *told: Any) -> BundleVersion:
    """As if an agent had built the runtime and told `told` of the files."""
    make_runtime_ready(tenant, bundle)
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report_for(bundle, *told), now=utc_now())
    with tenant_scope(tenant.id):
        return BundleVersion.objects.get(id=bundle.id)


def push(tenant: Tenant, marker: str, tasks: int = 1, dag_id: str = "a", **fields: Any) -> BundleVersion:
    """One DAG of `tasks` tasks, in a file with `marker`, and what it imports with the same marker; parsed."""
    content = dag_file(dag_id) + f"# {marker}\n".encode()
    files = {f"dags/{dag_id}.py": content, "lib/shared.py": f"V = {marker!r}\n".encode()}
    bundle = publish_files(tenant, {**files, **fields.pop("more", {})}, **fields)
    return store_parsed(tenant, bundle, parsed(f"dags/{dag_id}.py", chain(dag_id, tasks)))


def states(tenant: Tenant) -> list[tuple[int, str, str]]:
    """(number, reason, state), oldest first."""
    with tenant_scope(tenant.id):
        return list(Deployment.objects.order_by("number").values_list("number", "reason", "state"))
