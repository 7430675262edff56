"""Parsing is ordered from an agent, or finished at once when everything is known.

Called by the scheduler on a work item of kind `parse`. Runs in the tenant's scope and does not commit. A lost
agent's workload is given to another by `maintenance.rescue`, at the same epoch.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.bundles.runtimes import is_ready
from controlplane.bundles.status import announce
from controlplane.dagprocessor.deploy import put_waiting_in_force
from controlplane.dagprocessor.plan import plan_parse
from controlplane.dagprocessor.store import store_report
from controlplane.foundation.db import execute
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.workload import Workload
from taskwire.parsing import ParseReport


def dispatch_parse(*, bundle_id: UUID, now: datetime, using: str = "default") -> int | None:
    """Make a workload for this bundle version; its epoch, or None when there is nothing to dispatch.

    None: it is over or under way, its runtime is not ready (its build asks again), or nothing has to be
    parsed, in which case the version is stored here and now. A deployment that waits for a version that is
    parsed comes into force here.
    """
    execute("ledger/sql/lock_tenant.sql", using=using)
    bundle = BundleVersion.objects.using(using).select_for_update().filter(id=bundle_id).first()
    if bundle is not None and bundle.state == "parsed":
        put_waiting_in_force(bundle=bundle, now=now, using=using)
        return None
    if bundle is None or bundle.state not in {"received", "parsing"}:
        return None
    if bundle.runtime is None or not is_ready(runtime_id=bundle.runtime_id, using=using):
        return None
    if Workload.objects.using(using).filter(kind="parse", ref=bundle.id).exists():
        return None
    bundle.epoch += 1
    bundle.state = "parsing"
    bundle.save(using=using, update_fields=["epoch", "state"])
    announce(bundle_id=bundle.id, using=using)
    if plan_parse(bundle=bundle, using=using) is None:
        report = ParseReport(bundle_digest=bundle.digest, runtime_digest=bundle.runtime.digest)
        store_report(bundle_id=bundle.id, report=report, now=now, using=using)
        return None
    Workload.objects.using(using).create(
        tenant_id=bundle.tenant_id,
        kind="parse",
        ref=bundle.id,
        epoch=bundle.epoch,
        dispatched_at=now,
    )
    return bundle.epoch


def fail_parse(*, bundle_id: UUID, reason: str, now: datetime, using: str = "default") -> None:
    """Give up on a bundle version: `reason` is told to people. The last good version keeps running.

    Called when its agents were lost too often. A version that is over stays as it is.
    """
    bundle = BundleVersion.objects.using(using).filter(id=bundle_id).select_related("runtime").first()
    if bundle is None or bundle.runtime is None:
        return
    report = ParseReport(
        bundle_digest=bundle.digest, runtime_digest=bundle.runtime.digest, failure=reason or "parsing failed"
    )
    store_report(bundle_id=bundle_id, report=report, now=now, using=using)
