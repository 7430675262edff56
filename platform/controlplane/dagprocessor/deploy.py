"""A deployment comes into force: every DAG points to its content and code in one transaction, its caller's.

Called by `store` when a version was parsed, by `dispatch` for one that was parsed before, and by the portal's
door for a roll-back, which is over when its answer is. Before: the tenant's lock is held. After: the DAGs, the
import errors, the bound pools and the deployment that runs are made from all changed together, or nothing did.
"""

from __future__ import annotations

from datetime import datetime

from controlplane.bundles import deployments
from controlplane.dagprocessor.dag_limit import within_dag_limit
from controlplane.dagprocessor.merge import Picture, draw, read_known
from controlplane.dagprocessor.plan import known_results
from controlplane.dagprocessor.record import record_dags, record_errors, retire
from controlplane.dagprocessor.summary import Accepted
from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.transitions import add_items
from taskwire.parsing import ParseReport


def bring_into_force(
    *,
    deployment: Deployment,
    bundle: BundleVersion,
    picture: Picture,
    report: ParseReport,
    now: datetime,
    using: str = "default",
) -> list[Accepted]:
    """Switch everything that `deployment` binds; one that is in force already only shows what was parsed again.
    Returns the DAGs it has."""
    accepted = record_dags(bundle=bundle, picture=picture, report=report, now=now, using=using)
    gone = retire(picture=picture, now=now, using=using)
    record_errors(bundle=bundle, picture=picture, now=now, using=using)
    if deployment.state == "active":
        return accepted
    dags = {
        "new": [each.dag_id for each in accepted if each.change == "new"],
        "changed": [each.dag_id for each in accepted if each.change == "changed"],
        "gone": sorted(gone),
        "failing_files": picture.failing,
    }
    deployments.put_in_force(deployment=deployment, summary={"dags": dags}, now=now, using=using)
    return accepted


def put_waiting_in_force(
    *, bundle: BundleVersion, now: datetime, using: str = "default"
) -> Deployment | None:
    """Let the deployment that waits for this version, if one does, come into force without parsing anything.

    None when none waits, or when its results are no longer known: then it is parsed again, and comes into
    force with that.
    """
    execute("ledger/sql/lock_tenant.sql", using=using)
    bundle = (
        BundleVersion.objects.using(using)
        .select_for_update(of=("self",))
        .select_related("runtime")
        .get(id=bundle.id)
    )
    if bundle.state != "parsed":
        _ask_parse(bundle, now, using)
        return None
    known = known_results(bundle=bundle, passing_too=True, using=using)
    if set(bundle.candidates) - known.keys():
        bundle.state = "received"
        bundle.save(using=using, update_fields=["state"])
        _ask_parse(bundle, now, using)
        return None
    deployment = deployments.waiting_for(bundle_id=bundle.id, using=using)
    if deployment is None or deployment.state == "active":
        return None
    assert bundle.runtime is not None  # it was parsed in one
    report = ParseReport(bundle_digest=bundle.digest, runtime_digest=bundle.runtime.digest)
    told = [read_known(row, row.findings) for row in known.values()]
    picture = within_dag_limit(draw(told), using=using)
    bring_into_force(
        deployment=deployment, bundle=bundle, picture=picture, report=report, now=now, using=using
    )
    notify("work", str(bundle.tenant_id), using=using)
    return deployment


def _ask_parse(bundle: BundleVersion, now: datetime, using: str) -> None:
    if bundle.state == "failed":
        # Tried once more: a runtime that could not be built may be buildable now.
        bundle.state, bundle.parsed_at = "received", None
        bundle.save(using=using, update_fields=["state", "parsed_at"])
    add_items(items=[("parse", bundle.id, now)], using=using)
    notify("work", str(bundle.tenant_id), using=using)
