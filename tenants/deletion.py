"""Deleting a tenant: asked for, a time in which it can be undone, then the end (`maintenance.purge`).

From the moment it is asked for, every door is shut (`find_access` and `verify_token` know active tenants only),
so nothing is pushed and nobody triggers a run, and nothing is scheduled (`ledger.freeze`). Its people still
see it in their list, and an Owner can undo it. Two transactions: the state first, then the schedule; what died
in between is mended by the same call again and by the purge job. Runs as the sign-in role.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from tenants.access import (
    REQUIRED,
    Access,
    SecondFactorMissing,
    lacks_factor,
    own_role,
    role_permissions,
)
from tenants.audit.record import record_change
from tenants.mail.queue import queue_mail
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope


class ConfirmationWrong(ValueError):
    """Whoever deletes a tenant writes its name, so that they know which one."""


class DeletionUnknown(LookupError):
    """There is no tenant of this name that is being deleted, for whoever asks."""


class DeletionTooLate(Exception):
    """The time in which it could be undone is over."""


TIME_TO_FETCH = timedelta(days=3)
"""A tenant that is exported first is there at least so long: its Owners fetch the archive."""


def begin_deletion(
    *,
    by: Access,
    confirm: str,
    now: datetime,
    freeze: Callable[[], object],
    export: Callable[[], object] | None = None,
) -> Tenant:
    """Shut the tenant; it is gone after settings.DELETION_GRACE_DAYS. `freeze` stops its schedule, in its
    scope as `scheduler`; `export` asks for an archive of it first, in its scope. The doors have asked for
    `tenant.delete`. Raises ConfirmationWrong, and what `export` raises: then it goes on as it is."""
    if confirm != by.slug:
        raise ConfirmationWrong(f"write the tenant's name, '{by.slug}', to delete it")
    grace = timedelta(days=settings.DELETION_GRACE_DAYS)
    if export is not None:
        grace = max(grace, TIME_TO_FETCH)
        with tenant_scope(by.tenant_id):
            export()
    with transaction.atomic(using="auth"):
        tenant = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=by.tenant_id)
        if tenant.state == "active":
            tenant.state, tenant.deletion_asked_by = "deleting", by.name
            tenant.purge_at = now + grace
            tenant.save(using="auth", update_fields=["state", "purge_at", "deletion_asked_by"])
            owners = Membership.objects.using("auth").filter(tenant_id=tenant.id, role="Owner")
            for address in owners.values_list("user__email", flat=True):
                queue_mail(kind="deleting", address=address, ref=tenant.id, now=now)
            after = {"state": "deleting", "purge_at": tenant.purge_at.isoformat()}
            _record("tenant.deletion.asked", tenant.id, after)
    with tenant_scope(tenant.id, using="scheduler"):
        freeze()
    return tenant


def undo_deletion(*, user_id: UUID, slug: str, now: datetime, thaw: Callable[[], object]) -> Tenant:
    """By somebody who may delete it. Raises DeletionUnknown (to strangers as well), DeletionTooLate,
    SecondFactorMissing."""
    with transaction.atomic(using="auth"):
        row = (
            Membership.objects.using("auth")
            .filter(user_id=user_id, user__is_active=True, tenant__slug=slug)
            .filter(tenant__state__in=("deleting", "purging"))
            .values_list("tenant_id", "role", own_role(), lacks_factor(*REQUIRED))
            .first()
        )
        if row is None or "tenant.delete" not in role_permissions(row[1], row[2]):
            raise DeletionUnknown(f"there is no tenant '{slug}' whose deletion you can undo")
        if row[3]:
            raise SecondFactorMissing
        tenant = Tenant.objects.using("auth").select_for_update(no_key=True).get(id=row[0])
        if tenant.state != "deleting" or tenant.purge_at is None or tenant.purge_at <= now:
            raise DeletionTooLate("the time in which this could be undone is over")
        tenant.state, tenant.purge_at, tenant.deletion_asked_by = "active", None, ""
        tenant.save(using="auth", update_fields=["state", "purge_at", "deletion_asked_by"])
        _record("tenant.deletion.undone", tenant.id, {"state": "active"})
    with tenant_scope(tenant.id, using="scheduler"):
        thaw()
    return tenant


def find_leaving(*, user_id: UUID, slug: str, permission: str) -> UUID | None:
    """The tenant at `slug` while it is being deleted, for a member who may do this in it; None for everybody else."""
    row = (
        Membership.objects.using("auth")
        .filter(user_id=user_id, user__is_active=True, tenant__slug=slug, tenant__state="deleting")
        .values_list("tenant_id", "role", own_role(), lacks_factor(*REQUIRED))
        .first()
    )
    if row is None or permission not in role_permissions(row[1], row[2]):
        return None
    if row[3]:
        raise SecondFactorMissing
    tenant_id: UUID = row[0]
    return tenant_id


def due_for_purge(*, now: datetime, at_most: int) -> list[Tenant]:
    """Tenants whose time is over, the longest waiting first, now past undoing."""
    with transaction.atomic(using="auth"):
        rows = Tenant.objects.using("auth").filter(state="deleting", purge_at__lte=now)
        over = [row.id for row in rows.order_by("purge_at").select_for_update(no_key=True)[:at_most]]
        Tenant.objects.using("auth").filter(id__in=over).update(state="purging")
    return list(Tenant.objects.using("auth").filter(state="purging").order_by("purge_at")[:at_most])


def _record(action: str, tenant_id: UUID, after: dict[str, str]) -> None:
    record_change(action=action, target=f"tenant:{tenant_id}", after=after, using="auth", tenant_id=tenant_id)
