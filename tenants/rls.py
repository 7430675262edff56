"""The wall: a model constraint that makes the database keep tenants apart.

`TenantTable` in a model's `Meta.constraints` makes its migration emit, for that table: row-level security,
enabled and forced; one permissive policy and one restrictive guard per role; the default and the
immutability of `tenant_id`; `UNIQUE (tenant_id, id)` as target of composite foreign keys; and the grants.
`TenantForeignKey` adds such a key. `PlatformTable` gives grants on a table without tenants.
Source: RELIABILITY 4.1.4; PostgreSQL documentation, "Row Security Policies".
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement

from tenants import rls_parts

ROLES = {"app": "aerodrome_app", "scheduler": "aerodrome_sched", "auth": "aerodrome_auth"}
OWNER = "aerodrome_owner"
"""Owns tables and functions. The wall is forced on it, too."""
_MINE = "(SELECT app.tenant())"


class _Ddl(models.BaseConstraint):
    """A constraint whose SQL is its own; it validates nothing in Python."""

    # The stubs know neither that `constraint_sql` may give None nor that the others give a Statement.
    def constraint_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor) -> str | None:  # type: ignore[override]
        # Nothing goes inside CREATE TABLE: everything is a statement after it, in the same migration.
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))
        return None

    def create_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Statement | None:  # type: ignore[override]
        return Statement(self.ddl(model._meta.db_table))

    def remove_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Statement:  # type: ignore[override]
        return Statement(self.drop(model._meta.db_table))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        return None

    def ddl(self, table: str) -> str:
        raise NotImplementedError

    def drop(self, table: str) -> str:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.deconstruct() == other.deconstruct()

    __hash__ = models.BaseConstraint.__hash__


class TenantTable(_Ddl):
    """The wall around one table.

    `wide`: roles that see every tenant's rows (thin tables without content, or what sign-in needs).
    `column`: the tenant's column (`id` on the tenant table itself). `grants`: privileges per role. `owner_may`: what
    functions that run as their owner may do with rows of the tenant in scope; without it they see none.
    """

    def __init__(
        self,
        *,
        name: str,
        wide: tuple[str, ...] = (),
        column: str = "tenant_id",
        grants: dict[str, str] | None = None,
        owner_may: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name=name)
        self.wide = tuple(wide)
        self.owner_may = tuple(owner_may)
        self.column = column
        self.grants = grants or {
            "app": "SELECT, INSERT, UPDATE, DELETE",
            "scheduler": "SELECT, INSERT, UPDATE, DELETE",
        }

    def privileges(self) -> dict[str, str]:
        """Database role -> its privileges: whoever reaches a part of the tenant has the application's."""
        held = {ROLES[role]: privileges for role, privileges in self.grants.items()}
        return held | ({rls_parts.ROLE: self.grants["app"]} if "app" in self.grants else {})

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        kwargs |= {"wide": self.wide, "column": self.column, "grants": self.grants}
        return path, (), kwargs | ({"owner_may": self.owner_may} if self.owner_may else {})

    def constraint_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor) -> str | None:  # type: ignore[override]
        table = model._meta.db_table
        schema_editor.deferred_sql.append(Statement(self.ddl(table, inline=True)))
        if "app" in self.grants and (policy := rls_parts.policy_of(model)) is not None:
            schema_editor.deferred_sql.append(Statement(policy))
        return self._unique(table) if self.column == "tenant_id" else None

    def create_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> Statement:  # type: ignore[override]
        policy = rls_parts.policy_of(model) if "app" in self.grants else None
        return Statement(";\n".join([self.ddl(model._meta.db_table), *([policy] if policy else [])]))

    @staticmethod
    def _unique(table: str) -> str:
        return f'CONSTRAINT "{table}_tenant_id_uk" UNIQUE (tenant_id, id)'

    def ddl(self, table: str, inline: bool = False) -> str:
        out = [
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'REVOKE ALL ON "{table}" FROM PUBLIC',
        ]
        wide = [ROLES[role] for role in self.wide]
        narrow = [role for role in self.privileges() if role not in wide]
        mine = f"{self.column} = {_MINE}"
        if narrow:
            to = ", ".join(narrow)
            out.append(
                f'CREATE POLICY tenant_rows ON "{table}" AS PERMISSIVE FOR ALL TO {to} USING ({mine}) WITH CHECK ({mine})'
            )
            out.append(
                f'CREATE POLICY tenant_guard ON "{table}" AS RESTRICTIVE FOR ALL TO {to} USING ({mine}) WITH CHECK ({mine})'
            )
        for role in self.wide:
            out.append(
                f'CREATE POLICY wide_{role} ON "{table}" AS PERMISSIVE FOR ALL TO {ROLES[role]} USING (true) WITH CHECK (true)'
            )
        for command in self.owner_may:
            out.append(
                f'CREATE POLICY owner_{command.lower()} ON "{table}" AS PERMISSIVE FOR {command} TO {OWNER} USING ({mine})'
            )
        for role, privileges in self.privileges().items():
            out.append(f'GRANT {privileges} ON "{table}" TO {role}')
        if self.column == "tenant_id":
            out.append(f'ALTER TABLE "{table}" ALTER tenant_id SET DEFAULT app.tenant()')
            if not inline:
                out.append(f'ALTER TABLE "{table}" ADD {self._unique(table)}')
            out.append(
                f'CREATE TRIGGER "{table}_tenant_immutable" BEFORE UPDATE OF tenant_id ON "{table}" '
                "FOR EACH ROW EXECUTE FUNCTION app.refuse_tenant_change()"
            )
        return ";\n".join(out)

    def drop(self, table: str) -> str:
        names = ["tenant_rows", "tenant_guard", rls_parts.POLICY, *(f"wide_{role}" for role in self.wide)]
        names += [f"owner_{command.lower()}" for command in self.owner_may]
        return ";\n".join(f'DROP POLICY IF EXISTS {name} ON "{table}"' for name in names)


class TenantForeignKey(_Ddl):
    """`FOREIGN KEY (tenant_id, column) REFERENCES target (tenant_id, id)`: no link crosses tenants.

    A single-column key would, and would tell a stranger which ids exist (RELIABILITY finding 7).
    """

    def __init__(self, *, name: str, column: str, target: str, on_delete: str = "CASCADE") -> None:
        super().__init__(name=name)
        self.column, self.target, self.on_delete = column, target, on_delete

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (), {**kwargs, "column": self.column, "target": self.target, "on_delete": self.on_delete}

    def constraint_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        self.create_sql(model, schema_editor)

    def create_sql(self, model: Any, schema_editor: BaseDatabaseSchemaEditor | None) -> None:  # type: ignore[override]
        # Deferred to the migration's end: the target's (tenant_id, id) must exist first.
        if schema_editor is not None:
            schema_editor.deferred_sql.append(Statement(self.ddl(model._meta.db_table)))

    def ddl(self, table: str) -> str:
        action = f"SET NULL ({self.column})" if self.on_delete == "SET NULL" else self.on_delete
        return (
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{self.name}" FOREIGN KEY (tenant_id, {self.column}) '
            f'REFERENCES "{self.target}" (tenant_id, id) ON DELETE {action} DEFERRABLE INITIALLY IMMEDIATE'
        )

    def drop(self, table: str) -> str:
        return f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{self.name}"'


class PlatformTable(_Ddl):
    """Grants on a table that belongs to no tenant (agents, people). Such tables are on a reviewed list."""

    def __init__(self, *, name: str, grants: dict[str, str]) -> None:
        super().__init__(name=name)
        self.grants = grants

    def deconstruct(self) -> tuple[str, tuple[()], dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (), {**kwargs, "grants": self.grants}

    def ddl(self, table: str) -> str:
        out = [f'REVOKE ALL ON "{table}" FROM PUBLIC']
        out += [
            f'GRANT {privileges} ON "{table}" TO {ROLES[role]}' for role, privileges in self.grants.items()
        ]
        if "app" in self.grants:
            out.append(f'GRANT {self.grants["app"]} ON "{table}" TO {rls_parts.ROLE}')
        return ";\n".join(out)

    def drop(self, table: str) -> str:
        return ";\n".join(f'REVOKE ALL ON "{table}" FROM {ROLES[role]}' for role in self.grants)
