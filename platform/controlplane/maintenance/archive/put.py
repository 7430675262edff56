"""Puts an archive into this installation: as a tenant of its own, or in place of the tenant as it is.

A new tenant keeps its id, and all ids, when nobody here has it; beside the one that it was made of it gets others.
Nothing is scheduled for it until somebody says so (`start`): two tenants with the same DAGs would do everything twice.

In place of itself a tenant is suspended first, and nothing is scheduled. Its rows are replaced in one transaction, with
the numbers of attempts raised above every one that is known, so that what still runs outside can move nothing any more.
Access (people, tokens, grants), the audit, usage, the event log and the Git repository are not brought back to what they
were. When it dies anywhere, the tenant stays closed, and the same call again goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.db import DataError, IntegrityError, transaction

from controlplane.bundles.runtimes import build_again
from controlplane.foundation.db import notify
from controlplane.ledger.freeze import freeze_tenant, thaw_tenant
from controlplane.ledger.models.tenant_lease import TenantLease
from controlplane.maintenance.archive import fates, read
from controlplane.maintenance.archive.contents import ArchiveUnusable, PassphraseWrong
from controlplane.maintenance.archive.new_ids import NewIds
from controlplane.maintenance.archive.put_objects import (
    put_logs,
    put_objects,
    put_repository,
    set_logs_aside,
)
from controlplane.maintenance.archive.put_rows import Putting, empty, highest_fence, put_rows
from controlplane.maintenance.archive.sealing import Sealing
from controlplane.maintenance.purge import purge_tenant
from tenants.audit.record import record_change
from tenants.models.audit_row import AuditRow
from tenants.models.membership import Membership
from tenants.models.tenant import ENVIRONMENTS, Tenant
from tenants.models.user import User
from tenants.organisations import delete_organisation, make_organisation
from tenants.scope import require_tenant, tenant_scope
from tenants.slugs import check_slug


class TenantExists(Exception):
    """There is a tenant of this name already; nothing was changed."""


class TenantOther(Exception):
    """The archive is not of the tenant that it is to take the place of, or that one is in no state for it."""


@dataclass(frozen=True)
class Put:
    """What was done. `aside`: where the logs are that were there before."""

    tenant: Tenant
    rows: int
    objects: int
    keeps_ids: bool
    started: bool
    aside: Path | None = None


def import_tenant(
    *,
    path: Path,
    slug: str | None,
    owner: User,
    passphrase: str | None,
    start: bool,
    now: datetime,
) -> Put:
    """Make the tenant `slug` (the archive's own name without it) of what the archive holds, with `owner` in it.

    Raises TenantExists, ArchiveUnusable, PassphraseWrong, SlugInvalid, SlugReserved.
    """
    with read.opened(path) as archive:
        sealing = _sealing(archive, passphrase)
        tenant, is_new = _begun(archive, slug or archive.manifest.tenant["slug"], owner)
        try:
            ids = _ids(archive, tenant.id)
            objects = put_objects(archive, ids=ids) + put_logs(archive, ids=ids)
            put_repository(archive, tenant_id=tenant.id)
            rows = _put_rows(Putting(archive, ids, sealing), now)
        except (ArchiveUnusable, PassphraseWrong):
            if is_new:
                _undo(tenant)
            raise
        _open(tenant, start=False)
        if start:
            start_tenant(slug=tenant.slug, now=now)
        return Put(tenant, rows, objects, not ids.changes, start)


def restore_tenant(*, path: Path, slug: str, passphrase: str | None, now: datetime) -> Put:
    """Put the tenant back as it is in the archive, in place. Raises TenantOther, ArchiveUnusable, PassphraseWrong."""
    with read.opened(path) as archive:
        sealing = _sealing(archive, passphrase)
        tenant = Tenant.objects.using("auth").filter(slug=slug).first()
        if tenant is None or tenant.id != archive.tenant_id:
            raise TenantOther(f"the archive is not of '{slug}': import it under another name instead")
        if archive.manifest.secrets == "left out":
            raise TenantOther("the archive has no secrets: in place of the tenant they would be lost")
        was_open = _close(tenant)
        ids = NewIds(old=tenant.id, new=tenant.id)
        objects = put_objects(archive, ids=ids)
        put_repository(archive, tenant_id=tenant.id)
        aside = set_logs_aside(tenant.id, name=archive.sha256[:12])
        objects += put_logs(archive, ids=ids)
        tables = fates.put_in_place()
        with _in_scope(tenant.id):
            putting = Putting(archive, ids, sealing, fence=highest_fence() + 1)
            empty(tables)
            rows = put_rows(putting, tables, now=now)
            _record("tenant.restored", archive)
        said = archive.manifest.tenant
        with transaction.atomic(using="auth"):
            Tenant.objects.using("auth").filter(id=tenant.id).update(
                settings=said["settings"] | _mark(tenant), max_active_tasks=said["max_active_tasks"]
            )
        if was_open:
            _open(tenant, start=True)
        return Put(tenant, rows, objects, True, was_open, aside)


def start_tenant(*, slug: str, now: datetime) -> bool:
    """Schedule for a tenant that was imported, and have its runtimes built on the agents here. False when it is
    scheduled already. Raises TenantOther."""
    tenant = Tenant.objects.using("auth").filter(slug=slug, state="active").first()
    if tenant is None:
        raise TenantOther(f"there is no open tenant '{slug}'")
    with tenant_scope(tenant.id, using="scheduler"):
        thawed = thaw_tenant()
        if thawed:
            build_again(now=now, using="scheduler")
    return thawed


@contextmanager
def _in_scope(tenant_id: UUID) -> Iterator[None]:
    """The tenant's scope; rows that the database refuses make the archive unusable."""
    try:
        with tenant_scope(tenant_id):
            yield
    except (IntegrityError, DataError) as error:
        raise ArchiveUnusable(f"its rows cannot be put here: {error}") from error


def _put_rows(putting: Putting, now: datetime) -> int:
    """All rows of a new tenant, in one transaction; how many."""
    tables, tenant_id = fates.put_into_new(), putting.ids.new
    with _in_scope(tenant_id):
        empty({table: model for table, model in tables.items() if table not in fates.HISTORY})
        rows = put_rows(putting, tables, now=now) + _put_chain(putting, now)
        TenantLease.objects.bulk_create(
            [TenantLease(id=tenant_id, tenant_id=tenant_id)], ignore_conflicts=True
        )
        _record("tenant.imported", putting.archive)
    return rows


def _record(action: str, archive: read.Archive) -> None:
    record_change(
        action=action,
        target=f"tenant:{require_tenant()}",
        after={"archive": archive.sha256, "taken_at": archive.manifest.taken_at},
    )


def _undo(tenant: Tenant) -> None:
    """A tenant that could not be made is gone, with its name."""
    with transaction.atomic(using="auth"):
        Tenant.objects.using("auth").filter(id=tenant.id, state="importing").update(state="purging")
    purge_tenant(tenant=tenant)
    delete_organisation(organisation_id=tenant.organisation_id)


def _sealing(archive: read.Archive, passphrase: str | None) -> Sealing | None:
    if archive.manifest.secrets != "sealed":
        return None
    if not passphrase:
        raise PassphraseWrong("the archive's secrets are sealed: its passphrase is needed")
    return Sealing(passphrase=passphrase, said=archive.manifest.sealing)


def _begun(archive: read.Archive, slug: str, owner: User) -> tuple[Tenant, bool]:
    """The tenant, closed, and known to be made of this archive; made if nobody has its name (True)."""
    check_slug(slug)
    with transaction.atomic(using="auth"):
        found = Tenant.objects.using("auth").filter(slug=slug).first()
        if found is not None:
            if found.settings.get("import") == archive.sha256 and found.state == "importing":
                return found, False
            same = " of this very archive" if found.settings.get("import") == archive.sha256 else ""
            raise TenantExists(f"there is a tenant '{slug}' already{same}: give another name (--as)")
        said = archive.manifest.tenant
        if said["environment"] not in ENVIRONMENTS:
            raise ArchiveUnusable("the manifest does not say the tenant's environment")
        tenant = Tenant(
            slug=slug,
            name=said["name"][:200],
            organisation=make_organisation(name=said["name"][:100] or slug, owner=owner),
            environment=said["environment"],
            state="importing",
            max_active_tasks=said["max_active_tasks"],
            settings=said["settings"] | {"import": archive.sha256},
        )
        if not Tenant.objects.using("auth").filter(id=archive.tenant_id).exists():
            tenant.id = archive.tenant_id
        tenant.save(using="auth", force_insert=True)
        Membership(tenant=tenant, user=owner, role="Owner").save(using="auth", force_insert=True)
    with tenant_scope(tenant.id, using="scheduler"):
        TenantLease.objects.using("scheduler").bulk_create(
            [TenantLease(id=tenant.id, tenant_id=tenant.id)], ignore_conflicts=True
        )
        freeze_tenant()
    return tenant, True


def _ids(archive: read.Archive, tenant_id: UUID) -> NewIds:
    same = tenant_id == archive.tenant_id
    return NewIds(old=archive.tenant_id, new=tenant_id, known=None if same else archive.all_ids())


def _put_chain(putting: Putting, now: datetime) -> int:
    """The audit of a tenant that keeps its id, where it has no chain; another tenant's chain is not its own."""
    if putting.ids.changes or AuditRow.objects.filter(tenant_id=putting.ids.new).exists():
        return 0
    return put_rows(
        Putting(putting.archive, putting.ids, None), {"audit_row": fates.archived()["audit_row"]}, now=now
    )


def _close(tenant: Tenant) -> bool:
    """Doors shut and nothing scheduled. True when it was open, or was closed by a call of this that died."""
    with transaction.atomic(using="auth"):
        row = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=tenant.id)
        if row.state not in ("active", "suspended"):
            raise TenantOther(f"the tenant '{row.slug}' is {row.state}")
        was_open = row.state == "active" or "restoring" in row.settings
        if row.state == "active":
            row.state, row.settings = "suspended", row.settings | {"restoring": True}
            row.save(using="auth", update_fields=["state", "settings"])
        tenant.settings = row.settings
    with tenant_scope(tenant.id, using="scheduler"):
        freeze_tenant()
    return was_open


def _mark(tenant: Tenant) -> dict[str, bool]:
    return {"restoring": True} if "restoring" in tenant.settings else {}


def _open(tenant: Tenant, *, start: bool) -> None:
    with transaction.atomic(using="auth"):
        row = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=tenant.id)
        row.settings.pop("restoring", None)
        row.state = "active"
        row.save(using="auth", update_fields=["state", "settings"])
    tenant.refresh_from_db(using="auth")
    if start:
        with tenant_scope(tenant.id, using="scheduler"):
            thaw_tenant()
            notify("work", str(tenant.id), using="scheduler")
