"""The end of a deleted tenant: every row, file and key, in bounded batches, table by table, children first.

A job of the periodic work. It may die anywhere: the tenant stays `purging` and the next run goes on. Only the
audit chain outlives it, by design. The tables come from the models, so a new one cannot be forgotten; which
role may delete in it is read from its own declaration.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import Model

from controlplane.ledger.freeze import freeze_tenant
from tenants.deletion import due_for_purge
from tenants.models.tenant import Tenant
from tenants.rls import TenantTable
from tenants.scope import tenant_scope

log = structlog.get_logger("purge")

BATCH = 1000
BATCHES_AT_ONCE = 200
"""Of one tenant in one run; the rest is left for the next."""
TENANTS_AT_ONCE = 5
OUTLIVES = frozenset({"audit_row", "audit_checkpoint"})
"""Tables whose rows stay: who did what is told after the tenant is gone, too."""

Farewell = Callable[[UUID], None]
"""What another station keeps outside the database of a tenant, and removes: handed in by the door. May raise FarewellPutOff."""


class FarewellPutOff(Exception):
    """A station cannot say farewell now: the tenant stays `purging`, and is tried again at the next run."""


def purge_tenants(*, now: datetime, using: str = "scheduler", farewells: tuple[Farewell, ...] = ()) -> str:
    """Go on with the tenants that are due. A line for operators."""
    ended, left = 0, 0
    for tenant in due_for_purge(now=now, at_most=TENANTS_AT_ONCE):
        if purge_tenant(tenant=tenant, using=using, farewells=farewells):
            ended += 1
        else:
            left += 1
    return f"{ended} tenants are gone, {left} are on their way"


def purge_tenant(
    *,
    tenant: Tenant,
    using: str = "scheduler",
    farewells: tuple[Farewell, ...] = (),
    batches: int = BATCHES_AT_ONCE,
) -> bool:
    """True when nothing is left of it. At most `batches` of `BATCH` rows, a transaction each."""
    with tenant_scope(tenant.id, using=using):
        freeze_tenant(using=using)
    for model, alias in purge_order():
        while _one_batch(model, alias, tenant.id):
            batches -= 1
            if batches <= 0:
                return False
    for folder in folders_of(tenant.id):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        for farewell in farewells:
            farewell(tenant.id)
    except FarewellPutOff as error:
        log.warning("tenant.purge.put_off", tenant=str(tenant.id), reason=str(error))
        return False
    with transaction.atomic(using="auth"):
        Tenant.objects.using("auth").filter(id=tenant.id, state="purging")._raw_delete("auth")  # type: ignore[attr-defined]
    log.info("tenant.purged", tenant=str(tenant.id))
    return True


def folders_of(tenant_id: UUID) -> list[Path]:
    """What a tenant has on disk: its repository, logs, large XComs and archives of itself."""
    store = Path(settings.STORE_DIR)
    return [
        Path(settings.GIT_DIR) / f"{tenant_id}.git",
        Path(settings.GIT_DIR) / "remotes" / f"{tenant_id}.git",
        store / "logs" / str(tenant_id),
        store / "xcoms" / str(tenant_id),
        store / "exports" / str(tenant_id),
        store / "replaced" / str(tenant_id),
    ]


def purge_order() -> list[tuple[type[Model], str]]:
    """Every table with rows of tenants and the alias whose role may delete there; who refers comes first."""
    walls = dict(tenant_tables())
    ordered: list[type[Model]] = []

    def visit(model: type[Model], above: tuple[type[Model], ...]) -> None:
        if model in ordered or model in above:
            return
        for other in walls:
            if other is not model and any(field.related_model is model for field in _links(other)):
                visit(other, (*above, model))
        ordered.append(model)

    for model in walls:
        visit(model, ())
    return [(model, _alias(walls[model])) for model in ordered]


def tenant_tables() -> list[tuple[type[Model], TenantTable]]:
    """Models with a tenant's rows, without the tenant itself and without what outlives it."""
    return [
        (model, wall)
        for model in apps.get_models()
        for wall in model._meta.constraints
        if isinstance(wall, TenantTable)
        and wall.column == "tenant_id"
        and model._meta.db_table not in OUTLIVES
    ]


def _links(model: type[Model]) -> list[Any]:
    return [field for field in model._meta.get_fields() if field.many_to_one and field.concrete]


def _alias(wall: TenantTable) -> str:
    aliases = {"scheduler": "scheduler", "app": "default", "auth": "auth"}
    for role, alias in aliases.items():
        if all(right in wall.grants.get(role, "") for right in ("DELETE", "SELECT")):
            return alias
    raise LookupError(f"{wall.name}: no role may delete a tenant's rows")


def _one_batch(model: type[Model], alias: str, tenant_id: UUID) -> bool:
    """Delete some rows; False when there were none."""
    with tenant_scope(tenant_id, using=alias):
        rows = model._default_manager.using(alias).filter(tenant_id=tenant_id)
        keys = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        if keys:
            model._default_manager.using(alias).filter(tenant_id=tenant_id, pk__in=keys)._raw_delete(alias)  # type: ignore[attr-defined]
    return bool(keys)
