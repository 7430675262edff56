"""A branch has an environment of its own for a while: a tenant of the same organisation, walled like any other.

`make_preview` is a door's call, outside any scope: it provisions the tenant as the sign-in role and then writes
the row by which the parent knows it. What the branch holds comes by the preview's own remote, which the door
copies. It ends when somebody says so or when its time is over (an errand), and then goes the way of every tenant
that is deleted. Decision: docs/adr/0028.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError

from controlplane.bundles.artefact import ArtefactMissing, read_all
from controlplane.bundles.deployments import in_force
from controlplane.bundles.errands import ask_errand, drop_errand
from controlplane.bundles.publish import publish
from controlplane.bundles.remotes import ask_at
from controlplane.ledger.freeze import freeze_tenant
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.ledger.models.preview import Preview
from domain.ids import uuid7
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.provision import provision_tenant
from tenants.scope import tenant_scope

MOST_ACTIVE = 20
LONGEST = timedelta(days=90)


class PreviewUnknown(LookupError):
    """The tenant has no such preview, or it has ended."""


class PreviewRefused(ValueError):
    """It cannot be made; `field` names what is wrong."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class NothingToPromote(ValueError):
    """Nothing of the preview is in force."""


def make_preview(
    *, tenant_id: UUID, branch: str, by: User, lifetime: timedelta, furnish: Callable[[], None], now: datetime
) -> Preview:
    """The preview of `branch`, with DAGs paused as they come. The same branch again: the one there is, its end
    moved. Raises PreviewRefused."""
    parent = Tenant.objects.using("auth").select_related("organisation").get(id=tenant_id)
    if parent.environment == "preview":
        raise PreviewRefused("a preview has no previews of its own", field="branch")
    ends = now + lifetime
    with tenant_scope(tenant_id):
        active = Preview.objects.filter(state="active")
        row = active.filter(branch=branch).select_for_update().first()
        if row is not None:
            _prolong(row, ends)
        elif active.count() >= MOST_ACTIVE:
            raise PreviewRefused(f"there are {MOST_ACTIVE} previews already: end one first", field="branch")
    if row is not None:
        _end_at(row, ends)
        return row
    made = provision_tenant(
        slug=slug_for(parent=parent.slug, branch=branch, now=now),
        name=f"{parent.name}: {branch}"[:200],
        owner=by,
        now=now,
        furnish=furnish,
        organisation=parent.organisation,
        environment="preview",
    )
    _admit(parent, made.tenant, by)
    with tenant_scope(made.tenant.id):
        about = {"preview_of": str(tenant_id), "branch": branch, "dags_paused_at_creation": True}
        Tenant.objects.filter(id=made.tenant.id).update(settings=made.tenant.settings | about)
        # First its end, then the row: a preview that nobody knows of ends by itself.
        row_id = uuid7()
        ask_errand(kind="expire", ref=row_id, due_at=ends)
    try:
        with tenant_scope(tenant_id):
            return Preview.objects.create(
                id=row_id,
                tenant_id=tenant_id,
                branch=branch,
                preview_tenant_id=made.tenant.id,
                slug=made.tenant.slug,
                created_by=by.username,
                created_at=now,
                expires_at=ends,
            )
    except IntegrityError as error:
        _shut(made.tenant.id, by=by.username, now=now)
        raise PreviewRefused("somebody made a preview of this branch just now", field="branch") from error


def get_preview(*, preview_id: UUID) -> Preview:
    """An active one of the tenant in scope. Raises PreviewUnknown."""
    row = Preview.objects.filter(id=preview_id, state="active").first()
    if row is None:
        raise PreviewUnknown(f"this tenant has no active preview {preview_id}")
    return row


def of_branches(*, branches: Sequence[str]) -> list[Preview]:
    """Active previews of these branches, of the tenant in scope."""
    return list(Preview.objects.filter(branch__in=branches, state="active").order_by("branch"))


def look_at(*, preview: Preview, now: datetime) -> bool:
    """Have the preview's own remote looked at; False when it has none. Outside any scope."""
    with tenant_scope(preview.preview_tenant_id):
        remote = GitRemote.objects.first()
        if remote is None:
            return False
        ask_errand(kind="fetch", ref=remote.id, due_at=ask_at(remote, now=now))
    return True


def end_preview(*, tenant_id: UUID, preview_id: UUID, now: datetime) -> Preview:
    """It takes no more runs and is deleted with everything in it. Raises PreviewUnknown."""
    with tenant_scope(tenant_id):
        row = get_preview(preview_id=preview_id)
        row.state, row.ended_at = "ended", now
        row.save(update_fields=["state", "ended_at"])
    _shut(row.preview_tenant_id, by=row.created_by, now=now)
    return row


def expire_due(*, tenant_id: UUID, ref: UUID, now: datetime) -> datetime | None:
    """The preview's own errand: end it if its time is over, else when to come again.

    `tenant_id` is the preview itself, so that it ends also when the tenant it was made for is gone.
    """
    with tenant_scope(tenant_id):
        about = Tenant.objects.filter(id=tenant_id, environment="preview").first()
    if about is None:
        return None
    parent = UUID(about.settings["preview_of"])
    with tenant_scope(parent):
        row = Preview.objects.filter(id=ref, state="active").first()
    if row is None:
        _shut(tenant_id, by="", now=now)
    elif row.expires_at > now:
        return row.expires_at
    else:
        end_preview(tenant_id=parent, preview_id=ref, now=now)
    return None


def _shut(preview_tenant_id: UUID, *, by: str, now: datetime) -> None:
    """The preview's tenant goes the way of every deleted one, without the time to undo it."""
    with tenant_scope(preview_tenant_id):
        for remote in GitRemote.objects.all():
            drop_errand(kind="fetch", ref=remote.id)
    with tenant_scope(preview_tenant_id, using="scheduler"):
        freeze_tenant(using="scheduler")
    gone = Tenant.objects.using("auth").filter(id=preview_tenant_id, environment="preview", state="active")
    gone.update(state="deleting", purge_at=now, deletion_asked_by=by)


def promote(*, tenant_id: UUID, preview_id: UUID, by: str, now: datetime) -> BundleVersion:
    """What is in force in the preview is deployed where the branch was meant for. Outside any scope.

    Raises PreviewUnknown, NothingToPromote.
    """
    with tenant_scope(tenant_id):
        row = get_preview(preview_id=preview_id)
    with tenant_scope(row.preview_tenant_id):
        deployment = in_force()
    if deployment is None:
        raise NothingToPromote(f"nothing of the preview of {row.branch!r} is in force yet")
    bundle = deployment.bundle_version
    try:
        files = read_all(digest=bundle.digest)
    except ArtefactMissing as error:
        raise NothingToPromote(str(error)) from error
    with tenant_scope(tenant_id):
        return publish(
            files=files,
            source=bundle.source,
            commit_sha=bundle.commit_sha,
            branch=bundle.branch,
            message=bundle.message,
            pushed_by=by,
            now=now,
            reason="promotion",
        )


def slug_for(*, parent: str, branch: str, now: datetime) -> str:
    """A name in addresses that people recognise and that nobody else has: both, cut, and a few letters more."""
    words = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-")[:20].strip("-") or "branch"
    few = hashlib.sha256(f"{parent}\0{branch}\0{now.isoformat()}".encode()).hexdigest()[:6]
    return f"{parent[:24].strip('-')}-{words}-{few}"


def _prolong(row: Preview, ends: datetime) -> Preview:
    row.expires_at = ends
    row.save(update_fields=["expires_at"])
    return row


def _end_at(row: Preview, ends: datetime) -> None:
    with tenant_scope(row.preview_tenant_id):
        ask_errand(kind="expire", ref=row.id, due_at=ends)


def _admit(parent: Tenant, preview: Tenant, owner: User) -> None:
    """The parent's people, in the roles they have there."""
    people = Membership.objects.using("auth").filter(tenant=parent).exclude(user=owner)
    Membership.objects.using("auth").bulk_create(
        [Membership(tenant=preview, user_id=each.user_id, role=each.role) for each in people],
        ignore_conflicts=True,
    )
