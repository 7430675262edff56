"""What Postgres itself says of our tables: columns, keys, policies, privileges. Read as the superuser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    """Postgres' name of the type: uuid, int4, varchar, jsonb, timestamptz, _int4, …"""
    length: int | None
    is_required: bool
    """NOT NULL without a default or an identity: an insert must give it."""


@dataclass(frozen=True)
class ForeignKey:
    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    name: str
    is_permissive: bool
    command: str
    roles: tuple[str, ...]
    using: str
    check: str


@dataclass(frozen=True)
class Table:
    name: str
    owner: str
    has_rls: bool
    forces_rls: bool
    columns: dict[str, Column]
    keys: dict[str, tuple[str, ...]]
    """Unique and primary keys: index name -> columns."""
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]
    policies: dict[str, Policy]
    triggers: tuple[str, ...]

    @property
    def tenant_column(self) -> str | None:
        """`tenant_id`, or `id` of the tenant table itself."""
        if self.name == "tenant":
            return "id"
        return "tenant_id" if "tenant_id" in self.columns else None


def rows(cursor: Any, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run and fetch."""
    cursor.execute(sql, parameters)
    return list(cursor.fetchall())


def read_tables(cursor: Any) -> dict[str, Table]:
    """Every ordinary or partitioned table of schema public, partitions included."""
    found = rows(
        cursor,
        """SELECT c.oid, c.relname, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY c.relname""",
    )
    return {
        name: Table(
            name,
            owner,
            has_rls,
            forces,
            _columns(cursor, oid),
            *_keys(cursor, oid),
            _foreign_keys(cursor, oid),
            _policies(cursor, name),
            _triggers(cursor, oid),
        )
        for oid, name, owner, has_rls, forces in found
    }


def _columns(cursor: Any, oid: int) -> dict[str, Column]:
    found = rows(
        cursor,
        """SELECT a.attname, t.typname, CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 END,
                  a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
           FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
           WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
        oid,
    )
    return {row[0]: Column(*row) for row in found}


def _keys(cursor: Any, oid: int) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    found = rows(
        cursor,
        """SELECT ic.relname, i.indisprimary,
                  array(SELECT a.attname FROM unnest(i.indkey::int[]) WITH ORDINALITY k(num, place)
                        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num ORDER BY k.place)
           FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
           WHERE i.indrelid = %s AND i.indisunique""",
        oid,
    )
    keys = {name: tuple(columns) for name, _, columns in found}
    primary = next((tuple(columns) for _, is_primary, columns in found if is_primary), ())
    return keys, primary


def _foreign_keys(cursor: Any, oid: int) -> tuple[ForeignKey, ...]:
    found = rows(
        cursor,
        """SELECT con.conname, array(SELECT a.attname FROM unnest(con.conkey) WITH ORDINALITY k(num, place)
                    JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.num ORDER BY k.place),
                  con.confrelid::regclass::text,
                  array(SELECT a.attname FROM unnest(con.confkey) WITH ORDINALITY k(num, place)
                    JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.num ORDER BY k.place)
           FROM pg_constraint con WHERE con.conrelid = %s AND con.contype = 'f' ORDER BY con.conname""",
        oid,
    )
    return tuple(ForeignKey(name, tuple(own), target, tuple(theirs)) for name, own, target, theirs in found)


def _policies(cursor: Any, table: str) -> dict[str, Policy]:
    found = rows(
        cursor,
        """SELECT policyname, permissive = 'PERMISSIVE', cmd, roles::text[], coalesce(qual, ''),
                  coalesce(with_check, '')
           FROM pg_policies WHERE schemaname = 'public' AND tablename = %s""",
        table,
    )
    return {row[0]: Policy(row[0], row[1], row[2], tuple(sorted(row[3])), row[4], row[5]) for row in found}


def _triggers(cursor: Any, oid: int) -> tuple[str, ...]:
    sql = (
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal AND tgenabled = 'O' ORDER BY 1"
    )
    return tuple(row[0] for row in rows(cursor, sql, oid))
