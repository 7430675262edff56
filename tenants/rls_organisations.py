"""A wall around rows of organisations that tenants must read: each sees its own organisation's, as database policy."""

from __future__ import annotations

from tenants import rls_parts
from tenants.rls import ROLES, PlatformTable

_OURS = "organisation_id = (SELECT t.organisation_id FROM tenant t WHERE t.id = (SELECT app.tenant()))"


class OrganisationTable(PlatformTable):
    """Grants on a table with an `organisation_id`. The sign-in role, before any tenant's scope, sees every row; every
    other role those of the organisation that owns the tenant in scope, and none without a scope."""

    def ddl(self, table: str) -> str:
        narrow = [ROLES[role] for role in self.grants if role != "auth"]
        narrow += [rls_parts.ROLE] if "app" in self.grants else []
        return ";\n".join(
            [
                super().ddl(table),
                f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
                f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
                f'CREATE POLICY organisation_rows ON "{table}" AS PERMISSIVE FOR SELECT '
                f"TO {', '.join(narrow)} USING ({_OURS})",
                f'CREATE POLICY wide_auth ON "{table}" AS PERMISSIVE FOR ALL TO {ROLES["auth"]} '
                "USING (true) WITH CHECK (true)",
            ]
        )

    def drop(self, table: str) -> str:
        policies = ("organisation_rows", "wide_auth")
        dropped = [f'DROP POLICY IF EXISTS {name} ON "{table}"' for name in policies]
        return ";\n".join([super().drop(table), *dropped])
