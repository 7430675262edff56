"""Archives that somebody asked for: made in the background by an errand, kept for some days, then taken away.

The row says how far it is. The passphrase is sealed in it until the archive is made. One process makes it, by a lock on a
file: a claim that ended does not begin a second one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings

from controlplane.bundles.errands import ask_errand, drop_errand
from controlplane.ledger.models.tenant_export import TenantExport
from controlplane.maintenance.archive.sealing import SHORTEST, PassphraseWeak
from controlplane.maintenance.archive.write import ExportFailed, export_tenant
from controlplane.secrets import store
from controlplane.secrets.contract import Place, SealBroken
from domain.ids import uuid7
from tenants.audit.record import record_change
from tenants.models.tenant import Tenant
from tenants.scope import require_tenant, tenant_scope

KIND = "export"
KEEP = timedelta(days=3)
"""How long an archive can be fetched."""
MOST = 5
"""Archives of a tenant that are there at the same time."""
_AGAIN = timedelta(seconds=60)


class ExportUnknown(LookupError):
    """The tenant has no such export."""


class ExportNotReady(Exception):
    """It is being made, or is there no longer."""


class TooManyExports(Exception):
    """The tenant has as many as it may, or one is being made."""


def ask_export(*, by: str, passphrase: str | None, now: datetime) -> TenantExport:
    """In the tenant's scope. Raises PassphraseWeak, TooManyExports, KeyUnavailable."""
    if passphrase is not None and len(passphrase) < SHORTEST:
        raise PassphraseWeak(f"a passphrase has at least {SHORTEST} characters")
    Tenant.objects.select_for_update(no_key=True).get(id=require_tenant())  # one after the other
    there = list(TenantExport.objects.filter(state__in=("asked", "ready")).values_list("state", flat=True))
    if "asked" in there:
        raise TooManyExports("an export is being made: fetch that one")
    if len(there) >= MOST:
        raise TooManyExports(f"a tenant has at most {MOST} exports: delete one")
    row = TenantExport(
        id=uuid7(),
        tenant_id=require_tenant(),
        has_secrets=passphrase is not None,
        asked_by=by,
        asked_at=now,
    )
    if passphrase is not None:
        row.sealed = store.current().seal(plain=passphrase.encode(), place=_place(row))
    row.save(force_insert=True)
    ask_errand(kind=KIND, ref=row.id, due_at=now)
    _record("tenant.export.asked", row)
    return row


def find_export(export_id: UUID) -> TenantExport:
    """In the tenant's scope. Raises ExportUnknown."""
    row = TenantExport.objects.filter(id=export_id).first()
    if row is None:
        raise ExportUnknown(f"this tenant has no export {export_id}")
    return row


def file_of(row: TenantExport) -> Path:
    """The archive. Raises ExportNotReady."""
    path = _path(row.tenant_id, row.id)
    if row.state != "ready" or not path.exists():
        raise ExportNotReady({"asked": "it is still being made"}.get(row.state, f"it is {row.state}"))
    return path


def fetched(row: TenantExport) -> None:
    """Somebody downloads it: the audit has who. In the tenant's scope."""
    _record("tenant.export.fetched", row)


def drop_export(export_id: UUID) -> None:
    """Take it away now. In the tenant's scope. Raises ExportUnknown."""
    row = find_export(export_id)
    _path(row.tenant_id, row.id).unlink(missing_ok=True)
    TenantExport.objects.filter(id=row.id).update(state="gone", sealed=None)
    drop_errand(kind=KIND, ref=row.id)
    _record("tenant.export.deleted", row)


def export_due(*, tenant_id: UUID, ref: UUID, now: datetime) -> datetime | None:
    """The errand: make it, or take it away when its time is over. When to come again."""
    with tenant_scope(tenant_id):
        row = TenantExport.objects.filter(id=ref).first()
    if row is None or row.state not in ("asked", "ready"):
        return None
    if row.state == "asked":
        with _alone(_path(tenant_id, ref)) as is_mine:
            return _make(row, now) if is_mine else now + _AGAIN
    if row.expires_at is not None and row.expires_at > now:
        return row.expires_at
    _path(tenant_id, ref).unlink(missing_ok=True)
    with tenant_scope(tenant_id):
        TenantExport.objects.filter(id=ref).update(state="gone")
    return None


def _make(row: TenantExport, now: datetime) -> datetime | None:
    path = _path(row.tenant_id, row.id)
    for left in (path, path.with_name(f".{path.name}.new")):  # of a process that died
        left.unlink(missing_ok=True)
    tenant = Tenant.objects.using("auth").get(id=row.tenant_id)
    try:
        done = export_tenant(tenant=tenant, target=path, passphrase=_passphrase(row), now=now)
    except (SealBroken, ExportFailed) as error:
        with tenant_scope(row.tenant_id):
            TenantExport.objects.filter(id=row.id).update(
                state="failed", sealed=None, message=str(error)[:2000]
            )
        return None
    row.expires_at = now + KEEP
    with tenant_scope(row.tenant_id):
        made = TenantExport.objects.filter(id=row.id, state="asked").update(
            state="ready",
            sealed=None,
            size=done.size,
            sha256=done.sha256,
            left_out=done.manifest.left_out,
            missing=done.manifest.missing,
            ready_at=now,
            expires_at=row.expires_at,
        )
    if not made:  # deleted meanwhile
        path.unlink(missing_ok=True)
        return None
    return row.expires_at


def _passphrase(row: TenantExport) -> str | None:
    if row.sealed is None:
        return None
    with tenant_scope(row.tenant_id):
        return store.current().open(sealed=bytes(row.sealed), place=_place(row)).decode()


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether nobody else makes it; the lock goes with the process."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = path.with_suffix(".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        with suppress(FileNotFoundError):
            lock.unlink()
    finally:
        os.close(descriptor)


def _path(tenant_id: UUID, export_id: UUID) -> Path:
    return Path(settings.STORE_DIR) / "exports" / str(tenant_id) / f"{export_id}.zip"


def _place(row: TenantExport) -> Place:
    return Place(tenant_id=row.tenant_id, table="tenant_export", column="sealed", row_id=row.id)


def _record(action: str, row: TenantExport) -> None:
    record_change(action=action, target=f"tenant_export:{row.id}", detail={"has_secrets": row.has_secrets})
