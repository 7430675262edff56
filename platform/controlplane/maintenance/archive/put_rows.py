"""Puts an archive's rows into a tenant, in the open transaction of its scope: all of them, or none.

As the application's role: whatever an archive holds, the wall lets it write rows of this tenant only. Attempts that
ran when the archive was made are lost with their agents: they end as a lost attempt ends, by the ledger's own move.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

import msgspec
from django.db import connections
from django.db.models import Max, Model

from controlplane.ledger.clearing import let_go
from controlplane.ledger.rescue import lose_tasks
from controlplane.maintenance.archive import fates
from controlplane.maintenance.archive.contents import ArchiveUnusable, PassphraseWrong
from controlplane.maintenance.archive.new_ids import NewIds
from controlplane.maintenance.archive.read import Archive, Row
from controlplane.maintenance.archive.release import column_type
from controlplane.maintenance.archive.sealing import Sealing
from controlplane.maintenance.purge import purge_order
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from controlplane.secrets.rotate import sealed_columns
from tenants.scope import require_tenant

FENCES = ("epoch",)
"""Columns that name attempts: raised together when a tenant is put in place of itself."""
_LOST = "the tenant was put back as it was earlier, and nobody knows of this attempt any more"
_KEPT_AS = re.compile(r"([0-9a-f-]{36})/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json)")


@dataclass
class Putting:
    """What the rows of one archive become. `fence`: by how much attempts' numbers are raised."""

    archive: Archive
    ids: NewIds
    sealing: Sealing | None
    fence: int = 0
    running: list[tuple[UUID, int, str]] = field(default_factory=list)
    """Attempts that an agent had when the archive was made."""


def highest_fence() -> int:
    """Of what is in the tenant in scope: above it, no attempt that runs now is known."""
    highest = 0
    for model in fates.put_in_place().values():
        for column in _fences(model):
            found = model._default_manager.filter(tenant_id=require_tenant()).aggregate(top=Max(column))[
                "top"
            ]
            highest = max(highest, found or 0)
    return highest


def empty(tables: dict[str, type[Model]]) -> None:
    """Delete the rows of the tenant in scope, who refers before whom he refers to."""
    tenant_id = require_tenant()
    _defer()
    for model, _ in purge_order():
        if model in tables.values():
            model._default_manager.filter(tenant_id=tenant_id)._raw_delete("default")  # type: ignore[attr-defined]


def put_rows(putting: Putting, tables: dict[str, type[Model]], *, now: datetime) -> int:
    """How many. Raises ArchiveUnusable, PassphraseWrong, IntegrityError (a row is there already)."""
    _defer()
    count = 0
    for table, model in tables.items():
        for batch in putting.archive.batches(table):
            _insert(model, [changed for row in batch if (changed := _changed(putting, table, model, row))])
            count += len(batch)
    _lose(putting, now)
    return count


def _defer() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _fences(model: type[Model]) -> list[str]:
    return [field.column for field in fates.columns(model) if field.column in FENCES]


def _changed(putting: Putting, table: str, model: type[Model], row: Row) -> Row | None:
    ids = putting.ids
    try:
        _seal_again(putting, table, row)
        for field_ in fates.columns(model):
            value = row[field_.column]
            if value is None:
                continue
            kind = column_type(field_)
            if kind == "uuid":
                row[field_.column] = str(ids.of(UUID(value)))
            elif kind == "jsonb":
                row[field_.column] = ids.in_json(value)
            elif field_.column in FENCES and putting.fence:
                row[field_.column] = str(int(value) + putting.fence)
        if table == "workload":
            _free(putting, row)
    except (ArchiveUnusable, PassphraseWrong):
        raise
    except ValueError as error:
        raise ArchiveUnusable(f"tables/{table}.ndjson holds what no {table} can be: {error}") from error
    if row.get("kept_as") and table == "xcom":
        row["kept_as"] = _own_object(str(row["kept_as"]), ids)
    if table == "errand":
        row["claimed_until"] = None
    return row


def _own_object(kept_as: str, ids: NewIds) -> str:
    found = _KEPT_AS.fullmatch(kept_as)
    if found is None or UUID(found[1]) != ids.old:
        raise ArchiveUnusable("an XCom of the archive names an object that is not the tenant's")
    return f"{ids.new}/{found[2]}"


def _free(putting: Putting, row: Row) -> None:
    """Work that an agent had is to be taken again; a task's attempt is lost."""
    if row["agent_id"] is not None and row["kind"] == "task":
        putting.running.append((UUID(str(row["ref"])), int(str(row["epoch"])), _LOST))
    row["agent_id"] = row["agent_epoch"] = row["claimed_at"] = None


def _lose(putting: Putting, now: datetime) -> None:
    if putting.running:
        lose_tasks(attempts=putting.running, now=now, using="default")
        let_go(attempts=[(ref, epoch) for ref, epoch, _ in putting.running], now=now, using="default")


@cache
def _sealed() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for model, column in sealed_columns():
        found.setdefault(model._meta.db_table, []).append(column)
    return found


def _seal_again(putting: Putting, table: str, row: Row) -> None:
    """Its secrets sealed by this installation, for the row's new place. Before the row gets its new id."""
    for column in _sealed().get(table, []):
        value = row[column]
        if not value or value == "\\x":
            continue
        if putting.sealing is None:
            raise ArchiveUnusable("the archive holds sealed values and does not say so")
        # Sealed in the archive under the old id.
        plain = putting.sealing.open(value, table, column, UUID(str(row["id"])))
        place = Place(
            tenant_id=putting.ids.new, table=table, column=column, row_id=putting.ids.of(UUID(str(row["id"])))
        )
        row[column] = "\\x" + store.current().seal(plain=plain, place=place).hex()


def _insert(model: type[Model], rows: list[Row]) -> None:
    """A statement for a batch: each text is read by Postgres as the column's type."""
    if not rows:
        return
    quote = connections["default"].ops.quote_name
    fields = fates.columns(model)
    names = ", ".join(quote(field.column) for field in fields)
    values = ", ".join(f"(one->>'{field.column}')::{column_type(field)}" for field in fields)
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} (tenant_id, {names}) "  # noqa: S608  names of our own models
            f"SELECT %s, {values} FROM jsonb_array_elements(%s::jsonb) AS one",
            [require_tenant(), msgspec.json.encode(rows).decode()],
        )
