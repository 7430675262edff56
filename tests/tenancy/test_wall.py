"""Every tenant table x {select, insert, update, delete} x {own, other, no} scope x {app, sched, auth}."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from psycopg2.extras import register_uuid

from tenants.rls import TenantTable
from tests.support.catalog import read_tables
from tests.support.generic_rows import GenericRows
from tests.support.roles import VARIABLES, connected_as
from tests.tenancy.wall_probe import expected, probe, rows_for

WALLS: dict[str, TenantTable] = {
    model._meta.db_table: constraint
    for model in apps.get_models()
    for constraint in model._meta.constraints
    if isinstance(constraint, TenantTable)
}


@pytest.fixture
def rows(database: None, superuser: Any) -> Iterator[GenericRows]:
    register_uuid()
    with superuser.cursor() as cursor:
        yield GenericRows(cursor, read_tables(cursor))


def differences(rows: GenericRows, table: str, wall: TenantTable, own: UUID, other: UUID) -> list[str]:
    """Each outcome that the declaration does not promise."""
    there, new = rows_for(rows, table, own)
    rows.row(table, other)
    found = []
    for role in VARIABLES:
        with connected_as(role) as connection:
            for name, scope in (("own", own), ("other", other), ("no", None)):
                outcomes = probe(connection, table=rows.tables[table], row=there, new=new, scope=scope)
                promised = expected(wall, role=role, is_own=name == "own")
                found += [
                    f"{role} in {name} scope, {action}: {outcomes[action]}, promised {promised[action]}"
                    for action in outcomes
                    if outcomes[action] != promised[action]
                ]
    return found


@pytest.mark.parametrize("table", sorted(WALLS))
def test_a_role_reaches_what_is_declared_and_nothing_else(rows: GenericRows, table: str) -> None:
    assert differences(rows, table, WALLS[table], uuid4(), uuid4()) == []


def test_every_tenant_table_is_in_the_matrix(rows: GenericRows) -> None:
    with_tenant = {table.name for table in rows.tables.values() if table.tenant_column}
    assert with_tenant == set(WALLS)


@pytest.mark.parametrize(
    ("fault", "noticed"),
    [
        ("", []),
        (
            "ALTER TABLE scratch DISABLE ROW LEVEL SECURITY",
            ["other scope, SELECT: row", "no scope, DELETE: row"],
        ),
        ("DROP POLICY tenant_rows ON scratch", ["own scope, SELECT: nothing", "own scope, INSERT: refused"]),
        (
            "ALTER POLICY tenant_rows ON scratch WITH CHECK (true);"
            "ALTER POLICY tenant_guard ON scratch WITH CHECK (true)",
            ["other scope, INSERT: row"],
        ),
        ("REVOKE DELETE ON scratch FROM aerodrome_app", ["own scope, DELETE: denied"]),
        ("GRANT SELECT ON scratch TO aerodrome_auth", ["aerodrome_auth in own scope, SELECT: nothing"]),
    ],
)
def test_the_matrix_notices_a_fault(rows: GenericRows, fault: str, noticed: list[str]) -> None:
    wall = TenantTable(name="scratch_wall")
    columns = "id uuid PRIMARY KEY, tenant_id uuid NOT NULL REFERENCES tenant (id), name varchar(80) NOT NULL"
    rows.cursor.execute(f"CREATE TABLE scratch ({columns}); {wall.ddl('scratch')}; {fault}")
    try:
        rows.tables = read_tables(rows.cursor)
        found = differences(rows, "scratch", wall, uuid4(), uuid4())
    finally:
        rows.cursor.execute("DROP TABLE scratch")
    assert bool(found) == bool(noticed), found
    for part in noticed:
        assert any(part in sentence for sentence in found), found


@pytest.mark.parametrize("role", VARIABLES)
@pytest.mark.parametrize("table", sorted(WALLS.keys() - {"tenant"}))
def test_no_row_moves_to_another_tenant(rows: GenericRows, table: str, role: str) -> None:
    own, other = uuid4(), uuid4()
    there, _ = rows_for(rows, table, own)
    rows.row("tenant", other)
    with connected_as(role) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(own)])
        with pytest.raises(Exception, match=r"permission denied|another tenant|row-level security"):
            cursor.execute(f'UPDATE "{table}" SET tenant_id = %s WHERE tenant_id = %s', [other, own])
        connection.rollback()
    assert there


@pytest.mark.parametrize("role", VARIABLES)
def test_nobody_switches_the_wall_off(database: None, role: str) -> None:
    for statement in (
        "TRUNCATE pool",
        "ALTER TABLE pool DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (id int)",
        "SET ROLE aerodrome_owner",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE POLICY mine ON pool USING (true)",
    ):
        with connected_as(role) as connection, connection.cursor() as cursor:
            with pytest.raises(Exception, match=r"permission denied|must be owner|cannot"):
                cursor.execute(statement)


def test_turning_row_security_off_is_an_error_not_a_way_round(rows: GenericRows) -> None:
    rows.row("pool", uuid4())
    with connected_as("aerodrome_app") as connection, connection.cursor() as cursor:
        cursor.execute("SET row_security = off")
        with pytest.raises(Exception, match="would be affected by row-level security"):
            cursor.execute("SELECT * FROM pool")
