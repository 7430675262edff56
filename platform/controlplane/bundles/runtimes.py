"""Which runtime a bundle needs, and what becomes of its build.

`ensure_runtime` (called by `publish`) names it and asks for a build when it is new; the scheduler dispatches
the build; `store_built` (called with the agent's report) lets the bundles that wait for it be parsed. All run
inside the tenant's scope, and none commits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.bundles.commit_statuses import tell_of_bundle
from controlplane.bundles.deployments import fail_waiting
from controlplane.bundles.requirements import FILE_NAME, normalise_requirements, runtime_digest
from controlplane.bundles.status import announce
from controlplane.foundation.db import notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.transitions import add_items
from tenants.audit.record import record_change
from tenants.models.tenant import Tenant
from tenants.scope import current_tenant

MOST_LOG = 256 * 1024


class RuntimeUnknown(LookupError):
    """The tenant has no such runtime."""


def offered_airflows() -> tuple[str, ...]:
    """The Airflow versions that tenants may choose, side by side; the first one is what new tenants get."""
    first: str = settings.RUNTIME_AIRFLOW
    return (first, *(each for each in settings.RUNTIME_AIRFLOWS if each != first))


def chosen_airflow(*, using: str = "default") -> str:
    """What the tenant in scope runs on: its choice while that is offered, else the platform's first."""
    held = Tenant.objects.using(using).values_list("settings", flat=True).get(id=_tenant(using))
    wanted = held.get("airflow")
    return wanted if wanted in offered_airflows() else str(settings.RUNTIME_AIRFLOW)


def ensure_runtime(
    *, requirements: bytes, now: datetime, airflow: str | None = None, using: str = "default"
) -> Runtime:
    """The runtime for this `requirements.txt` (empty: the base runtime); a new or failed one is queued.

    `airflow`: by default the tenant's choice. Raises `BundleRefused` when the file cannot be read as requirements.
    """
    text = normalise_requirements(requirements)
    airflow, python = airflow or chosen_airflow(using=using), settings.RUNTIME_PYTHON
    runtime, is_new = Runtime.objects.using(using).get_or_create(
        digest=runtime_digest(airflow=airflow, python=python, requirements=text),
        tenant_id=_tenant(using),
        defaults={"airflow": airflow, "python": python, "requirements": text, "created_at": now},
    )
    if runtime.state == "failed":
        runtime.state, runtime.message = "queued", ""
        runtime.save(using=using, update_fields=["state", "message"])
        is_new = True
    if is_new:
        record_change(
            action="runtime.asked",
            target=f"runtime:{runtime.id}",
            after={"airflow": airflow, "python": python, "requirements": text},
            using=using,
        )
        _ask(kind="build", ref=runtime.id, now=now, using=using)
    return runtime


def build_again(*, now: datetime, using: str = "default") -> int:
    """Ask for a build of every runtime that has not failed: the agents here may not have it. How many."""
    wanted = Runtime.objects.using(using).filter(tenant_id=_tenant(using)).exclude(state="failed")
    ids = list(wanted.order_by("id").values_list("id", flat=True))
    Runtime.objects.using(using).filter(id__in=ids).update(state="queued")
    for runtime_id in ids:
        _ask(kind="build", ref=runtime_id, now=now, using=using)
    return len(ids)


def dispatch_build(*, runtime_id: UUID, now: datetime, using: str = "default") -> int | None:
    """Make a workload of a queued build; its epoch, or None when it is over or under way already.

    Called by the scheduler on a work item of kind `build`.
    """
    runtime = Runtime.objects.using(using).select_for_update().filter(id=runtime_id).first()
    if runtime is None or runtime.state not in {"queued", "building"}:
        return None
    if Workload.objects.using(using).filter(kind="build", ref=runtime.id).exists():
        return None
    runtime.epoch += 1
    runtime.state = "building"
    runtime.save(using=using, update_fields=["epoch", "state"])
    Workload.objects.using(using).create(
        tenant_id=_tenant(using), kind="build", ref=runtime.id, epoch=runtime.epoch, dispatched_at=now
    )
    return runtime.epoch


def store_built(
    *, runtime_id: UUID, ok: bool, message: str, log: str, now: datetime, using: str = "default"
) -> None:
    """The outcome of a build. Ready: bundles that wait for it are parsed; failed: they fail with its reason.

    Again, or late: no change. Raises `RuntimeUnknown`.
    """
    runtime = Runtime.objects.using(using).select_for_update().filter(id=runtime_id).first()
    if runtime is None:
        raise RuntimeUnknown(f"this tenant has no runtime {runtime_id}")
    if runtime.state not in {"queued", "building"}:
        return
    Workload.objects.using(using).filter(kind="build", ref=runtime.id).delete()
    runtime.state = "ready" if ok else "failed"
    runtime.message = message.replace("\0", "")[:4000]
    runtime.log = log.replace("\0", "")[-MOST_LOG:]
    runtime.ready_at = now if ok else None
    runtime.save(using=using, update_fields=["state", "message", "log", "ready_at"])
    waiting = BundleVersion.objects.using(using).filter(runtime=runtime, state="received").order_by("id")
    for bundle in waiting:
        if ok:
            _ask(kind="parse", ref=bundle.id, now=now, using=using)
        else:
            error: dict[str, Any] = {
                "path": FILE_NAME,
                "line": 0,
                "message": f"The runtime could not be built: {runtime.message}",
            }
            bundle.state, bundle.parsed_at = "failed", now
            bundle.summary = {**bundle.summary, "accepted": [], "errors": [error], "findings": []}
            bundle.save(using=using, update_fields=["state", "parsed_at", "summary"])
            fail_waiting(bundle_id=bundle.id, message=error["message"], now=now, using=using)
            tell_of_bundle(bundle=bundle, state="failure", now=now, using=using)
            announce(bundle_id=bundle.id, using=using)


def is_ready(*, runtime_id: UUID | None, using: str = "default") -> bool:
    """Whether code can run in it now."""
    return (
        runtime_id is not None and Runtime.objects.using(using).filter(id=runtime_id, state="ready").exists()
    )


def _ask(*, kind: str, ref: UUID, now: datetime, using: str) -> None:
    add_items(items=[(kind, ref, now)], using=using)
    notify("work", _tenant(using), using=using)


def _tenant(using: str) -> str:
    tenant_id = current_tenant(using=using)
    if tenant_id is None:
        raise RuntimeError("open the tenant's scope first")
    return tenant_id
