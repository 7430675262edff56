"""Parse and build attempts in the agent's words. Called by the gateway when an agent claims them."""

from __future__ import annotations

from uuid import UUID

from controlplane.dagprocessor.plan import plan_parse
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.runtime import Runtime
from taskwire.parsing import ParseOrder
from taskwire.workload import BuildWork, BundleRef, Workload
from tenants.models.tenant import Tenant
from tenants.tuning import value_of


def parse_workload(*, bundle: BundleVersion, using: str = "default") -> Workload:
    """The order to parse what is not known of this bundle, at its current epoch. Inside the tenant's scope.

    When another bundle's report has meanwhile made all of it superfluous, it asks for one file: an order
    without paths would mean every file.
    """
    if bundle.runtime is None:
        raise ValueError(f"bundle version {bundle.id} has no runtime")
    order = plan_parse(bundle=bundle, using=using) or ParseOrder(
        bundle_digest=bundle.digest, runtime_digest=bundle.runtime.digest, paths=bundle.candidates[:1]
    )
    slug, settings = Tenant.objects.using(using).values_list("slug", "settings").get(id=bundle.tenant_id)
    order.file_timeout_seconds = float(value_of("parse_timeout_seconds", settings))
    return Workload(
        id=str(bundle.id),
        tenant_id=str(bundle.tenant_id),
        tenant=slug,
        epoch=bundle.epoch,
        kind="parse",
        runtime_digest=bundle.runtime.digest,
        bundle=BundleRef(digest=bundle.digest, version=bundle.commit_sha or bundle.digest),
        parse=order,
    )


def build_workload(*, runtime: Runtime, using: str = "default") -> Workload:
    """The order to build this runtime, at its current epoch. Inside the tenant's scope."""
    return Workload(
        id=str(runtime.id),
        tenant_id=str(runtime.tenant_id),
        tenant=_slug(runtime.tenant_id, using),
        epoch=runtime.epoch,
        kind="build",
        runtime_digest=runtime.digest,
        build=BuildWork(
            runtime_digest=runtime.digest,
            airflow=runtime.airflow,
            python=runtime.python,
            requirements=runtime.requirements,
        ),
    )


def _slug(tenant_id: UUID, using: str) -> str:
    return Tenant.objects.using(using).values_list("slug", flat=True).get(id=tenant_id)
