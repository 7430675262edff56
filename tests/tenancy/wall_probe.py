"""Tries every way to one tenant's row, as one role in one scope, and says what came of it.

`probe` gives outcomes: for SELECT, UPDATE and DELETE `row` or `nothing`, for INSERT `row`; `denied` without
the privilege, `refused` by a policy.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg2 import errors, sql

from tenants.rls import ROLES, TenantTable
from tests.support.catalog import Table
from tests.support.generic_rows import GenericRows, insert_statement
from tests.support.roles import set_tenant

ACTIONS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def probe(
    connection: Any, *, table: Table, row: dict[str, Any], new: dict[str, Any], scope: UUID | None
) -> dict[str, str]:
    """`row`: a row that is there. `new`: values of one that is not. Each try is rolled back."""
    attempts = {
        "SELECT": _statement("SELECT 1 FROM {table} WHERE {match}", table, row),
        "INSERT": insert_statement(table.name, new),
        "UPDATE": _statement("UPDATE {table} SET {column} = {column} WHERE {match}", table, row),
        "DELETE": _statement("DELETE FROM {table} WHERE {match}", table, row),
    }
    outcomes = {}
    for action, (statement, parameters) in attempts.items():
        with connection.cursor() as cursor:
            set_tenant(cursor, scope)
            try:
                cursor.execute(statement, parameters)
                outcomes[action] = "row" if cursor.rowcount == 1 else "nothing"
            except errors.InsufficientPrivilege as error:
                outcomes[action] = "refused" if "row-level security" in str(error) else "denied"
            except (errors.ForeignKeyViolation, errors.RestrictViolation, errors.UniqueViolation):
                # Policies come first: whoever hears of a key has passed them.
                outcomes[action] = "row"
        connection.rollback()
    return outcomes


def expected(wall: TenantTable, *, role: str, is_own: bool) -> dict[str, str]:
    """What the declaration on the model promises for this role, in the row's own scope or not."""
    key = next(name for name, database_role in ROLES.items() if database_role == role)
    granted = wall.grants.get(key, "")
    sees = is_own or key in wall.wide
    reached = {"SELECT": "row", "INSERT": "row", "UPDATE": "row", "DELETE": "row"}
    hidden = {"SELECT": "nothing", "INSERT": "refused", "UPDATE": "nothing", "DELETE": "nothing"}
    promised = reached if sees else hidden
    needs = {"SELECT": ("SELECT",), "INSERT": ("INSERT",)}
    return {
        action: promised[action]
        if all(right in granted for right in needs.get(action, (action, "SELECT")))
        else "denied"
        for action in ACTIONS
    }


def rows_for(rows: GenericRows, table: str, tenant: UUID) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row that is there, and the values of another one that could be."""
    there = rows.row(table, tenant)
    return there, rows.values(table, tenant)


def _statement(template: str, table: Table, row: dict[str, Any]) -> tuple[sql.Composed, list[Any]]:
    match = {name: row[name] for name in table.primary_key}
    conditions = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in match]
    spare = next(name for name in table.columns if name not in (*table.primary_key, "tenant_id"))
    statement = sql.SQL(template).format(
        table=sql.Identifier(table.name),
        column=sql.Identifier(spare),
        match=sql.SQL(" AND ").join(conditions),
    )
    return statement, list(match.values())
