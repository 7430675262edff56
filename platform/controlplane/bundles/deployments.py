"""What is to come into force, and what is: the numbered history of a tenant's deployments.

A deployment waits until its bundle version is parsed; then `dagprocessor` puts all of it in force in one
transaction (`put_in_force` is the last step of that). A later number always wins: what was asked for last is
what people want, whatever is ready first. All functions run inside the tenant's scope; those that write take
the tenant's lock, so that numbers and "what is in force" stay true until the commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max

from controlplane.bundles import canaries
from controlplane.bundles.bound_pools import bind_pools
from controlplane.bundles.canaries import Trial
from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.deployment_overlay import DeploymentOverlay
from tenants.models.tenant import Tenant
from tenants.scope import current_tenant

CHANNEL = "deployment"
AUTOMATIC, MANUAL = "automatic", "manual"
INHERITED = object()
"""An overlay that is not given: that of the newest deployment that did not fail."""


class DeploymentUnknown(LookupError):
    """The tenant has no such deployment."""


class DeploymentRefused(ValueError):
    """It cannot come into force: `field` names what is wrong with the request."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


def mode_of(*, using: str = "default") -> tuple[str, int | None]:
    """Whether pushes deploy by themselves, and the number that the tenant is pinned to, if it is."""
    held = Tenant.objects.using(using).values_list("settings", flat=True).get(id=current_tenant(using=using))
    pinned = held.get("pinned_deployment")
    mode = MANUAL if held.get("deployments") == MANUAL else AUTOMATIC
    return mode, pinned if isinstance(pinned, int) else None


def deploys_itself(*, using: str = "default") -> bool:
    """Whether a push is a deployment without anybody's further word."""
    return mode_of(using=using) == (AUTOMATIC, None)


def set_mode(*, mode: str | None = None, pinned: Any = INHERITED, using: str = "default") -> None:
    """Keep what is given. `pinned` None: no longer."""
    tenant = Tenant.objects.using(using).select_for_update().get(id=current_tenant(using=using))
    settings = dict(tenant.settings)
    if mode is not None:
        settings["deployments"] = mode
    if pinned is not INHERITED:
        settings["pinned_deployment"] = pinned
    Tenant.objects.using(using).filter(id=tenant.id).update(settings=settings)


def get_deployment(*, number: int, using: str = "default") -> Deployment:
    """By its number, with bundle version, runtime and overlay. Raises DeploymentUnknown."""
    row = (
        Deployment.objects.using(using)
        .select_related("bundle_version__runtime", "overlay")
        .filter(number=number)
        .first()
    )
    if row is None:
        raise DeploymentUnknown(f"this tenant has no deployment {number}")
    return row


def in_force(*, using: str = "default") -> Deployment | None:
    """The active one."""
    return (
        Deployment.objects.using(using)
        .select_related("bundle_version__runtime", "overlay")
        .filter(state="active")
        .first()
    )


def ask_for(
    *,
    bundle: BundleVersion,
    reason: str,
    created_by: str,
    message: str,
    now: datetime,
    overlay: Any = INHERITED,
    of_number: int | None = None,
    trial: Any = INHERITED,
    using: str = "default",
) -> Deployment:
    """A new deployment, waiting. Whoever calls it then lets `dagprocessor` try to put it in force.

    `trial`: by default what the tenant wants of every one; None for none.
    """
    execute("ledger/sql/lock_tenant.sql", using=using)
    last = Deployment.objects.using(using).aggregate(last=Max("number"))["last"] or 0
    made = Deployment.objects.using(using).create(
        tenant_id=current_tenant(using=using),
        number=last + 1,
        bundle_version=bundle,
        overlay_id=_inherited(using) if overlay is INHERITED else overlay,
        reason=reason,
        of_number=of_number,
        message=message.replace("\0", "")[:10_000],
        created_by=created_by.replace("\0", "")[:150],
        created_at=now,
    )
    wanted: Trial | None = canaries.standing(using=using) if trial is INHERITED else trial
    if wanted is not None:
        canaries.ask_trial(deployment=made, trial=wanted, using=using)
    return made


def ask_automatically(
    *, bundle: BundleVersion, source: str, created_by: str, now: datetime, using: str = "default"
) -> Deployment | None:
    """What a push means for deployments: one more, unless the tenant deploys by hand, or the newest one that
    did not fail is of this version already. Called by `publish`."""
    if not deploys_itself(using=using):
        return None
    newest = Deployment.objects.using(using).exclude(state="failed").order_by("-number").first()
    if newest is not None and newest.bundle_version_id == bundle.id:
        return newest
    reason = {"upload": "upload", "remote": "remote"}.get(source, "push")
    return ask_for(
        bundle=bundle, reason=reason, created_by=created_by, message=bundle.message, now=now, using=using
    )


def waiting_for(*, bundle_id: UUID, using: str = "default") -> Deployment | None:
    """The deployment that this bundle version is to put in force now, or that it is in force by (it was parsed
    again). Older ones that wait for it, and it too when a later one is in force, are dropped. The caller holds
    the tenant's lock."""
    rows = list(
        Deployment.objects.using(using)
        .select_related("overlay")
        .filter(bundle_version_id=bundle_id, state="waiting")
        .order_by("-number")
    )
    active = in_force(using=using)
    chosen = next((row for row in rows[:1] if active is None or active.number < row.number), None)
    late = [row.id for row in rows if row is not chosen]
    if late:
        Deployment.objects.using(using).filter(id__in=late).update(state="dropped")
        _tell(using)
    if chosen is None and active is not None and active.bundle_version_id == bundle_id:
        return active
    return chosen


def was_dropped(*, bundle_id: UUID, using: str = "default") -> bool:
    """Whether a later deployment came into force before this bundle version was ready."""
    return Deployment.objects.using(using).filter(bundle_version_id=bundle_id, state="dropped").exists()


def put_in_force(
    *, deployment: Deployment, summary: Mapping[str, Any], now: datetime, using: str = "default"
) -> None:
    """From this transaction's commit on it is what runs are made from. The DAGs point to it already."""
    before = (
        Deployment.objects.using(using).select_for_update(of=("self",)).select_related("overlay")
        .filter(state="active").first()
    )  # fmt: skip
    deployment.pools_before = bind_pools(before=before, after=deployment, using=using)
    if before is not None:
        before.state, before.ended_at = "superseded", now
        before.save(using=using, update_fields=["state", "ended_at"])
    deployment.state, deployment.activated_at, deployment.summary = "active", now, dict(summary)
    deployment.save(using=using, update_fields=["state", "activated_at", "summary", "pools_before"])
    canaries.begin_trial(deployment=deployment, now=now, using=using)
    _tell(using)


def fail_waiting(*, bundle_id: UUID, message: str, now: datetime, using: str = "default") -> None:
    """The bundle version will never be parsed: what waited for it has failed, and what is in force stays."""
    found = Deployment.objects.using(using).filter(bundle_version_id=bundle_id, state="waiting")
    if found.update(state="failed", ended_at=now, summary={"error": message[:4000]}):
        _tell(using)


def bundle_with_runtime(
    *, bundle: BundleVersion, runtime_id: UUID, now: datetime, using: str
) -> BundleVersion:
    """The bundle version of the same content in another runtime; made when there is none."""
    same = BundleVersion.objects.using(using).filter(digest=bundle.digest, runtime_id=runtime_id)
    if (found := same.order_by("-id").first()) is not None:
        return found
    return BundleVersion.objects.using(using).create(
        tenant_id=bundle.tenant_id,
        runtime_id=runtime_id,
        summary={"changed": {"added": [], "changed": [], "removed": []}},
        created_at=now,
        **{
            name: getattr(bundle, name)
            for name in (
                "digest", "commit_sha", "branch", "source", "message", "pushed_by", "file_count", "byte_count",
                "files", "candidates",
            )
        },
    )  # fmt: skip


def names_bound(overlay: DeploymentOverlay | None) -> dict[str, Any]:
    """What people see of an overlay: names and slots, never values."""
    if overlay is None:
        return {"variables": [], "connections": [], "pools": {}}
    return {
        "variables": overlay.names.get("variables", []),
        "connections": overlay.names.get("connections", []),
        "pools": overlay.pools,
    }


def _inherited(using: str) -> UUID | None:
    newest = Deployment.objects.using(using).exclude(state="failed").order_by("-number").first()
    return newest.overlay_id if newest else None


def _tell(using: str) -> None:
    notify(CHANNEL, str(current_tenant(using=using)), using=using)
