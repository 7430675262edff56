"""Makes a row of any table for any tenant, from what the catalog says: types, lengths, required columns, keys.

As the superuser, so that rows of two tenants can lie side by side; foreign keys are kept, so their targets are
made first. Every text holds the tenant's canary, so that a leak shows itself wherever it comes out.
"""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg2 import sql
from psycopg2.extras import Json

from tests.support.catalog import Column, Table

_numbers = itertools.count(1)


class GenericRows:
    """`tables`: from `catalog.read_tables`. One remembered row per table and tenant is the target of keys."""

    def __init__(self, cursor: Any, tables: dict[str, Table]) -> None:
        self.cursor, self.tables = cursor, tables
        self.made: dict[tuple[str, UUID], dict[str, Any]] = {}
        self.canaries: dict[UUID, str] = {}

    def canary(self, tenant: UUID) -> str:
        """A text that only this tenant's rows hold."""
        return self.canaries.setdefault(tenant, f"canary{secrets.token_hex(6)}")

    def row(self, table: str, tenant: UUID) -> dict[str, Any]:
        """The tenant's row of the table, made when there is none yet."""
        if (table, tenant) not in self.made:
            if (there := self._only_row(table, tenant)) is not None:
                self.made[table, tenant] = there
                return there
            values = self.values(table, tenant)
            self._insert(table, values)
            self.made[table, tenant] = values
        return self.made[table, tenant]

    def _only_row(self, table: str, tenant: UUID) -> dict[str, Any] | None:
        """The row that is there already, of a table that holds one per tenant."""
        described = self.tables[table]
        if described.tenant_column != "tenant_id" or ("tenant_id",) not in described.keys.values():
            return None
        self.cursor.execute(
            sql.SQL("SELECT * FROM {} WHERE tenant_id = %s").format(sql.Identifier(table)), [tenant]
        )
        found = self.cursor.fetchone()
        names = [column.name for column in self.cursor.description]
        return dict(zip(names, found, strict=True)) if found else None

    def values(self, table: str, tenant: UUID) -> dict[str, Any]:
        """Values for one more row; the rows that it must refer to exist afterwards."""
        described = self.tables[table]
        values: dict[str, Any] = {}
        for column in described.columns.values():
            if column.name == described.tenant_column:
                values[column.name] = tenant
            elif column.is_required or column.type in ("varchar", "text", "jsonb"):
                values[column.name] = self._value(column, tenant)
        for key in described.foreign_keys:
            required = all(described.columns[name].is_required or name in values for name in key.columns)
            if not required or (key.target == "tenant" and table != "tenant" and self._has_tenant(tenant)):
                continue
            target = self.row(key.target, tenant)
            values |= dict(zip(key.columns, (target[name] for name in key.target_columns), strict=True))
        return values

    def _has_tenant(self, tenant: UUID) -> bool:
        self.row("tenant", tenant)
        return True

    def _value(self, column: Column, tenant: UUID) -> Any:
        if column.type in ("varchar", "text"):
            text = f"{self.canary(tenant)}{next(_numbers)}"
            return text if column.length is None else text[-column.length :]
        return {
            "uuid": uuid4(),
            "bool": False,
            "int2": 0,
            "int4": next(_numbers),
            "int8": next(_numbers),
            "float8": 1.5,
            "timestamptz": datetime(2026, 1, 1, tzinfo=UTC),
            "date": date(2026, 1, 1),
            "jsonb": Json({"held": self.canary(tenant)}),
            "bytea": b"sealed",
            "_int4": [],
        }[column.type]

    def _insert(self, table: str, values: dict[str, Any]) -> None:
        statement, parameters = insert_statement(table, values)
        key = self.tables[table].primary_key
        returning = sql.SQL(", ").join(sql.Identifier(name) for name in key)
        self.cursor.execute(sql.SQL("{} RETURNING {}").format(statement, returning), parameters)
        values |= dict(zip(key, self.cursor.fetchone(), strict=True))


def insert_statement(table: str, values: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    """INSERT without RETURNING, so that no right to read is needed."""
    names = sql.SQL(", ").join(sql.Identifier(name) for name in values)
    marks = sql.SQL(", ").join(sql.Placeholder() for _ in values)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, marks)
    return statement, list(values.values())
