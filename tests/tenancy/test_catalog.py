"""The wall as Postgres' own catalog describes it; and that each fault in it would be noticed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.catalog import read_tables
from tests.tenancy.catalog_findings import KEYS_WITHOUT_TENANT, NO_TENANT, all_findings

pytestmark = pytest.mark.usefixtures("database")

FAULTS = {
    "ALTER TABLE pool DISABLE ROW LEVEL SECURITY": "pool: row-level security is off",
    "ALTER TABLE pool NO FORCE ROW LEVEL SECURITY": "pool: row-level security is not forced",
    "DROP POLICY tenant_rows ON pool": "pool: policy tenant_rows is missing",
    "DROP POLICY tenant_guard ON pool": "pool: policy tenant_guard is missing",
    "CREATE POLICY open ON pool USING (true)": "pool: policy open is not declared",
    "ALTER POLICY tenant_rows ON pool TO PUBLIC": "pool: policy tenant_rows is",
    "ALTER POLICY tenant_rows ON pool USING (true)": "pool: policy tenant_rows is",
    "DROP POLICY granted_part ON dag_run": "dag_run: policy granted_part is missing",
    "ALTER POLICY granted_part ON pool USING (true)": "pool: policy granted_part is not as declared",
    "ALTER ROLE aerodrome_granted LOGIN": "role aerodrome_granted: inherits from a role, or signs in",
    "ALTER ROLE aerodrome_app INHERIT": "role aerodrome_app: inherits from a role",
    "DROP TRIGGER pool_tenant_immutable ON pool": "pool: a row could move to another tenant",
    "ALTER TABLE pool OWNER TO aerodrome_app": "pool: belongs to aerodrome_app",
    "CREATE TABLE stray (id int); ALTER TABLE stray OWNER TO aerodrome_owner": "stray: has no tenant",
    "CREATE TABLE stray (tenant_id uuid, id uuid); ALTER TABLE stray OWNER TO aerodrome_owner": (
        "stray: row-level security is off"
    ),
    "CREATE UNIQUE INDEX stray ON pool (name)": "pool: unique key stray does not start with the tenant",
    "ALTER TABLE xcom ADD CONSTRAINT stray FOREIGN KEY (dag_run_id) REFERENCES dag_run (id)": (
        "xcom: foreign key stray leads out of the tenant"
    ),
    "ALTER TABLE xcom DROP CONSTRAINT xcom_run_fk": "xcom: declared foreign key xcom_run_fk is missing",
    "ALTER ROLE aerodrome_app BYPASSRLS": "role aerodrome_app: is a superuser",
    "GRANT aerodrome_owner TO aerodrome_sched": "role aerodrome_sched: is a member of aerodrome_owner",
    "GRANT TRUNCATE ON pool TO aerodrome_app": "pool: aerodrome_app holds TRUNCATE",
    "GRANT SELECT ON pool TO PUBLIC": "pool: PUBLIC holds SELECT",
    "GRANT CREATE ON SCHEMA public TO aerodrome_app": "role aerodrome_app: may create tables",
    "CREATE FUNCTION app.stray() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'": (
        "function app.stray(): runs as its owner"
    ),
    "GRANT EXECUTE ON FUNCTION app.cut_audit TO aerodrome_app": "function app.cut_audit(bigint,integer): may be called",
    "ALTER FUNCTION app.cut_audit RESET search_path": "function app.cut_audit(bigint,integer): finds what it names",
    "ALTER POLICY owner_delete ON audit_row USING (true)": "audit_row: policy owner_delete is",
    "CREATE VIEW stray AS SELECT * FROM pool": "view stray: shows what its owner sees",
    "CREATE MATERIALIZED VIEW stray AS SELECT * FROM pool": "view stray: shows what its owner sees",
    "ALTER TABLE organisation_quota NO FORCE ROW LEVEL SECURITY": "organisation_quota: row-level security is off",
    "ALTER POLICY organisation_rows ON organisation_quota USING (true)": "organisation_quota: policy organisation_rows",
    "DROP POLICY organisation_rows ON organisation_quota": "organisation_quota: its policies are",
    "ALTER FUNCTION app.tenant() VOLATILE": "function tenant: not STABLE",
}


def test_the_wall_stands(superuser: Any) -> None:
    with superuser.cursor() as cursor:
        assert all_findings(cursor) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_would_be_noticed(superuser: Any, fault: str) -> None:
    with superuser.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute(fault)
            found = all_findings(cursor)
        finally:
            cursor.execute("ROLLBACK")
    assert any(sentence.startswith(FAULTS[fault]) for sentence in found), found


def test_the_reviewed_lists_name_nothing_that_is_gone(superuser: Any) -> None:
    with superuser.cursor() as cursor:
        tables = read_tables(cursor)
    assert set(NO_TENANT) <= set(tables)
    keys = {name for table in tables.values() for name in table.keys}
    assert set(KEYS_WITHOUT_TENANT) <= keys
