"""A push becomes a bundle version, also when the pusher, or this process, did not live to see it.

The ref moves first, then the head of the deployed branch is published, then `refs/aerodrome/published` follows.
Whoever comes next to the repository, or `reconcile_all` at start, finishes what was cut short: publishing the
same content again is the same version.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.bundles.git import GitFailed
from controlplane.bundles.git_tree import read_commit, read_tree
from controlplane.bundles.publish import publish
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.repository import (
    PUBLISHED,
    RepositoryBusy,
    deployed_branch,
    locked,
    mark_published,
    point_head,
    read_heads,
    repository_path,
)
from controlplane.bundles.tenant_limits import limits_for
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

log = structlog.get_logger("bundles.receive")


@dataclass(frozen=True, slots=True)
class Received:
    """What came of the deployed branch's head: a version, or the reason why it is none."""

    branch: str
    commit: str
    bundle: BundleVersion | None = None
    refused: str = ""


def chosen_branch(*, tenant_id: UUID) -> str | None:
    """The branch that the tenant chose to deploy (`settings["branch"]`), if it did."""
    with tenant_scope(tenant_id):
        held = Tenant.objects.values_list("settings", flat=True).get(id=tenant_id)
    branch = held.get("branch")
    return branch if isinstance(branch, str) and branch else None


def publish_head(
    *, tenant_id: UUID, repository: Path, chosen: str | None, pushed_by: str, now: datetime
) -> Received | None:
    """Publish the head of the deployed branch unless it is published; None when there is nothing to do.

    Called with the repository locked, outside any scope. Database errors pass: the head stays unpublished.
    """
    heads = read_heads(repository=repository)
    branch = deployed_branch(heads=heads, chosen=chosen)
    commit = heads.get(branch)
    if commit is None or commit == heads.get(PUBLISHED):
        return None
    point_head(repository=repository, branch=branch)
    try:
        files = read_tree(repository=repository, commit=commit, limits=limits_for(tenant_id=tenant_id))
        about = read_commit(repository=repository, commit=commit)
        with tenant_scope(tenant_id):
            bundle = publish(
                files=files,
                source="git",
                commit_sha=commit,
                branch=branch,
                message=about.subject,
                pushed_by=pushed_by or about.author,
                now=now,
            )
    except BundleRefused as error:
        # Said once: the next contact must not refuse the same commit again.
        mark_published(repository=repository, commit=commit)
        return Received(branch, commit, refused=str(error))
    mark_published(repository=repository, commit=commit)
    return Received(branch, commit, bundle=bundle)


def reconcile(*, tenant_id: UUID, now: datetime) -> Received | None:
    """Publish what an interrupted push left behind. Does nothing while somebody pushes: they will."""
    repository = repository_path(tenant_id=tenant_id)
    if not (repository / "HEAD").is_file():
        return None
    try:
        with locked(repository=repository, seconds=0):
            chosen = chosen_branch(tenant_id=tenant_id)
            found = publish_head(
                tenant_id=tenant_id, repository=repository, chosen=chosen, pushed_by="", now=now
            )
    except RepositoryBusy:
        return None
    except GitFailed as error:
        log.warning("bundles.reconcile_failed", tenant=str(tenant_id), error=str(error))
        return None
    if found is not None:
        log.info("bundles.reconciled", tenant=str(tenant_id), commit=found.commit, refused=found.refused)
    return found


def reconcile_all(*, now: datetime) -> list[UUID]:
    """Reconcile every repository of this machine; the tenants that had something left. Called at start."""
    found = []
    for path in sorted(Path(settings.GIT_DIR).glob("*.git")):
        tenant_id = UUID(path.stem)
        try:
            if reconcile(tenant_id=tenant_id, now=now) is not None:
                found.append(tenant_id)
        except Tenant.DoesNotExist:
            log.warning("bundles.repository_without_tenant", repository=path.name)
    return found
