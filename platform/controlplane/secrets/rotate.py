"""Gives a tenant a new data key, and seals anew what older ones sealed, while tasks read and write.

1. A new data key: what is written from now on is sealed with it. If older keys are left from a rotation that was
   interrupted, that one is finished first, with the newest key there is.
2. Batches, each a transaction of its own: rows whose envelope names an older key are locked, opened, sealed and written.
3. An older key is deleted once no row names it. Whoever seals holds its key (`FOR KEY SHARE`) until he commits, and the
   keys are locked before the last look, so no row can come to name a key that goes. Whoever read an envelope before it
   was sealed anew and asks for its key afterwards is told `KeyGone`, and reads the row once more.

A row that does not open keeps its key alive, and is told. Called by `manage.py rotate_secrets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import BinaryField, F, Func, Value

from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute
from controlplane.secrets import store
from controlplane.secrets.contract import Place, SealBroken
from controlplane.secrets.embedded import EmbeddedStore
from tenants.models.tenant_model import TenantModel
from tenants.scope import tenant_scope

BATCH = 100
"""Rows locked at a time."""
_FIRST = UUID(int=0)


class NothingToRotate(RuntimeError):
    """The store in use has no data keys."""


@dataclass(frozen=True)
class Rotated:
    """What became of a rotation. `unreadable` rows keep `kept` older keys alive."""

    resumed: bool
    resealed: int
    unreadable: int
    retired: int
    kept: int

    def __str__(self) -> str:
        """For whoever ran it."""
        begun = "resumed, " if self.resumed else ""
        return (
            f"{begun}{self.resealed} sealed anew, {self.retired} old keys deleted, {self.kept} kept, "
            f"{self.unreadable} rows unreadable"
        )


def sealed_columns() -> list[tuple[type[TenantModel], str]]:
    """Every column of a tenant's table that holds envelopes, by its name: `sealed`, `sealed_<something>`, or
    `<something>_sealed`.

    Its place is (tenant, table, column, id), as everybody who seals writes it.
    """
    return [
        (model, field.column)
        for model in apps.get_models()
        if issubclass(model, TenantModel)
        for field in model._meta.local_concrete_fields
        if isinstance(field, BinaryField) and "sealed" in field.column.split("_")
    ]


def rotate_tenant(*, tenant_id: UUID, batch: int = BATCH) -> Rotated:
    """See above. Opens the tenant's scope itself, many times. Raises KeyUnavailable, NothingToRotate."""
    with tenant_scope(tenant_id):
        newest, resumed = _begin(tenant_id)
    if newest is None:
        return Rotated(resumed=False, resealed=0, unreadable=0, retired=0, kept=0)
    resealed = unreadable = 0
    for model, column in sealed_columns():
        for done, failed in _reseal(model, column, tenant_id=tenant_id, newest=newest, batch=batch):
            resealed, unreadable = resealed + done, unreadable + failed
    with tenant_scope(tenant_id):
        retired, kept = _retire(newest)
    return Rotated(resumed=resumed, resealed=resealed, unreadable=unreadable, retired=retired, kept=kept)


def _begin(tenant_id: UUID) -> tuple[UUID | None, bool]:
    """The key to seal with, and whether an interrupted rotation made it; None when the tenant never sealed."""
    keys = execute("secrets/sql/data_keys.sql")
    if not keys:
        return None, False
    embedded = _embedded()
    newest_id, newest_kek = keys[0]
    if len(keys) > 1 and embedded.keys.is_current(newest_kek):
        return newest_id, True
    return embedded.rotate(tenant_id=tenant_id), False


def _reseal(
    model: Any, column: str, *, tenant_id: UUID, newest: UUID, batch: int
) -> Iterator[tuple[int, int]]:
    """(sealed anew, unreadable) per batch."""
    after, embedded = _FIRST, _embedded()
    key_of_row = Func(F(column), Value(2), Value(16), function="substring", output_field=BinaryField())
    while True:
        done = failed = 0
        with tenant_scope(tenant_id):
            rows = (
                model.objects.alias(key_of_row=key_of_row)
                .filter(tenant_id=tenant_id, id__gt=after, **{f"{column}__isnull": False})
                .exclude(**{column: b""})
                .exclude(key_of_row=newest.bytes)
                .order_by("id")
                .select_for_update(of=("self",))
                .values_list("id", column)[:batch]
            )
            found = list(rows)
            for row_id, sealed in found:
                place = Place(tenant_id=tenant_id, table=model._meta.db_table, column=column, row_id=row_id)
                try:
                    plain = embedded.open(sealed=bytes(sealed), place=place)
                except SealBroken:
                    failed += 1
                    continue
                model.objects.filter(id=row_id).update(**{column: embedded.seal(plain=plain, place=place)})
                done += 1
            if found:
                crashpoint("secrets.rotate.before_commit")
        yield done, failed
        if len(found) < batch:
            return
        after = found[-1][0]


def _retire(newest: UUID) -> tuple[int, int]:
    """(deleted, kept) of the older keys."""
    older = [row[0] for row in execute("secrets/sql/lock_older_keys.sql", newest=newest)]
    # A statement of its own: it sees what was committed while the lock was waited for.
    used = {
        bytes(key)
        for model, column in sealed_columns()
        for key in model.objects.exclude(**{f"{column}__isnull": True})
        .values_list(
            Func(F(column), Value(2), Value(16), function="substring", output_field=BinaryField()), flat=True
        )
        .distinct()
    }
    unused = [key for key in older if key.bytes not in used]
    execute("secrets/sql/delete_data_keys.sql", ids=unused)
    return len(unused), len(older) - len(unused)


def _embedded() -> EmbeddedStore:
    found = store.current()
    if not isinstance(found, EmbeddedStore):
        raise NothingToRotate(f"{type(found).__name__} has no data keys")
    return found
