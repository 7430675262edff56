"""Parts of a tenant: what the role `aerodrome_granted` reaches in each table, from a row of every table.

Which tables hang on a DAG is told twice: by the models (`tenants.rls_parts`), and here by the catalog, where a
column `dag_id` or a chain of foreign keys leads to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from psycopg2.extras import register_uuid

from tenants.models.tenant import Tenant
from tenants.part import Part
from tests.support.catalog import Table, read_tables
from tests.support.generic_rows import GenericRows
from tests.support.roles import connected_as
from tests.tenancy.test_wall import WALLS

NAMED = {"pool": "name", "connection": "conn_id", "variable": "key"}
WHOLE = {
    "event_log": "read with audit.read only, which cannot be granted for a part",
    "asset_state": "read with assets.read only, which cannot be granted for a part",
    "asset_event": "read with assets.read only; a task of any DAG may add to it",
}
"""Reviewed: tables that name a DAG and are not narrowed."""


@pytest.fixture
def tenant(database: None) -> Tenant:
    """One with a row in each table, and nothing else."""
    return Tenant(id=uuid4())


@pytest.fixture
def rows(tenant: Tenant, superuser: Any) -> Iterator[GenericRows]:
    register_uuid()
    with superuser.cursor() as cursor:
        rows = GenericRows(cursor, read_tables(cursor))
        for table in rows.tables.values():
            if table.tenant_column and table.name != "tenant":
                rows.row(table.name, tenant.id)
        # Rows made apart name DAGs of their own: let them all be the one DAG's.
        cursor.execute("SET session_replication_role = replica")
        dag = rows.row("dag", tenant.id)
        for table in rows.tables.values():
            if (
                "dag_id" in table.columns
                and table.columns["dag_id"].type == "varchar"
                and table.tenant_column
            ):
                cursor.execute(
                    f'UPDATE "{table.name}" SET dag_id = %s WHERE tenant_id = %s', [dag["dag_id"], tenant.id]
                )
        cursor.execute(
            "UPDATE dag SET tags = '[\"etl\"]', owners = '[\"ann\"]' WHERE tenant_id = %s", [tenant.id]
        )
        cursor.execute(
            "UPDATE import_error SET filename = (SELECT relative_fileloc FROM dag WHERE tenant_id = %s) "
            "WHERE tenant_id = %s",
            [tenant.id, tenant.id],
        )
        instance = rows.row("task_instance", tenant.id)["id"]
        cursor.execute("UPDATE trigger SET task_instance_id = %s WHERE tenant_id = %s", [instance, tenant.id])
        cursor.execute("SET session_replication_role = DEFAULT")
        yield rows


def hangs_on_a_dag(tables: dict[str, Table]) -> set[str]:
    """By the catalog: tables with the DAG's name, or with a key to a table that hangs on a DAG."""
    found = {"dag"} | {
        name
        for name, table in tables.items()
        if any(c.name == "dag_id" and c.type == "varchar" for c in table.columns.values())
    }
    found -= WHOLE.keys()
    while True:
        more = {
            table.name
            for table in tables.values()
            if table.name not in WHOLE and any(key.target in found for key in table.foreign_keys)
        }
        if more <= found:
            return found & WALLS.keys()
        found |= more


def seen(tenant: Tenant, table: str, part: Part | None) -> int:
    """How many rows of the table the role sees; None: the role without any setting."""
    settings = part.settings() if part else [("role", "aerodrome_granted")]
    with connected_as("aerodrome_app") as connection, connection.cursor() as cursor:
        for name, value in [("app.tenant_id", str(tenant.id)), *settings]:
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute(f'SELECT count(*) FROM "{table}"')
        return int(cursor.fetchone()[0])


def _whole(tenant: Tenant, table: str) -> Part:
    """A part that narrows another kind of rows than the table's."""
    return Part(tenant.id, "dag" if table in NAMED else "pool")


def reached() -> list[str]:
    return sorted(name for name, wall in WALLS.items() if "SELECT" in wall.grants.get("app", ""))


def test_each_table_of_a_dag_is_narrowed_to_the_granted_ones(tenant: Tenant, rows: GenericRows) -> None:
    dag_id = rows.row("dag", tenant.id)["dag_id"]
    of_dags = hangs_on_a_dag(rows.tables)
    assert {"dag_run", "task_instance", "xcom", "task_try", "rendered_field", "backfill"} <= of_dags
    wrong = []
    for table in reached():
        all_rows = seen(tenant, table, _whole(tenant, table))
        hidden = 0 if table in of_dags or table == "import_error" else all_rows
        for names, expected in (
            ({"dag": (dag_id,)}, all_rows),
            ({"tag": ("other", "etl")}, all_rows),
            ({"owner": ("ann",)}, all_rows),
            ({"dag": ("other",), "tag": ("et",), "owner": ("an",)}, hidden),
            ({}, hidden),
        ):
            if seen(tenant, table, Part(tenant.id, "dag", names)) != expected:
                wrong.append(f"{table} with {names}: not {expected}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("table", sorted(NAMED))
def test_what_is_granted_by_name_is_narrowed(tenant: Tenant, rows: GenericRows, table: str) -> None:
    name = rows.row(table, tenant.id)[NAMED[table]]
    everything = seen(tenant, table, Part(tenant.id, "dag"))
    assert everything >= 1
    assert seen(tenant, table, Part(tenant.id, table, {table: (name,)})) == 1
    assert seen(tenant, table, Part(tenant.id, table, {table: ("other",)})) == 0
    assert seen(tenant, table, Part(tenant.id, table, {table: (name[:8],)})) == (0 if table == "pool" else 1)
    assert seen(tenant, table, Part(tenant.id, table, {"dag": (name,)})) == 0


def test_without_settings_the_role_sees_nothing_that_can_be_granted(
    tenant: Tenant, rows: GenericRows
) -> None:
    for table in [*hangs_on_a_dag(rows.tables) & set(reached()), *NAMED]:
        assert seen(tenant, table, None) == 0, table


@pytest.mark.parametrize("strange", ['a"b', "a\\", "a,b", "{a}", "", "NULL", "a b", "%", "ä"])
def test_strange_names_stay_one_name(tenant: Tenant, strange: str) -> None:
    with connected_as("aerodrome_app") as connection, connection.cursor() as cursor:
        for name, value in Part(tenant.id, "dag", {"dag": (strange, "x")}).settings():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        cursor.execute("SELECT app.granted('dag')")
        assert cursor.fetchone()[0] == [strange, "x"]


def test_another_tenants_part_is_out_of_reach(
    tenant: Tenant, other_tenant: Tenant, rows: GenericRows
) -> None:
    dag_id = rows.row("dag", tenant.id)["dag_id"]
    for table in reached():
        if table != "tenant":
            assert seen(other_tenant, table, Part(other_tenant.id, "dag", {"dag": (dag_id,)})) == seen(
                other_tenant, table, _whole(other_tenant, table)
            ), table


def test_the_role_has_the_applications_privileges(superuser: Any) -> None:
    """Tables, columns and functions: a request that reaches a part does the same work."""
    with superuser.cursor() as cursor:
        cursor.execute(
            """SELECT table_name, privilege_type FROM information_schema.role_table_grants
               WHERE grantee = 'aerodrome_app' EXCEPT
               SELECT table_name, privilege_type FROM information_schema.role_table_grants
               WHERE grantee = 'aerodrome_granted'"""
        )
        assert cursor.fetchall() == []
        cursor.execute(
            """SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'app'::regnamespace
               AND has_function_privilege('aerodrome_app', oid, 'EXECUTE')
               AND NOT has_function_privilege('aerodrome_granted', oid, 'EXECUTE')"""
        )
        assert cursor.fetchall() == []
