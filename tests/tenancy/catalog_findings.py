"""What is wrong with the wall, as sentences; nothing to say means that it stands.

Used by `test_catalog.py` on the real schema, and on schemas with one fault each, to know that it would speak.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps

from tenants import rls_parts
from tenants.rls import OWNER, ROLES, PlatformTable, TenantForeignKey, TenantTable
from tenants.rls_organisations import OrganisationTable
from tests.support.catalog import Table, read_tables, rows

MINE = "( SELECT app.tenant() AS tenant)"
NO_TENANT = {
    "platform_audit_checkpoint": "what was signed of the platform's own audit chain; the sign-in role alone",
    "platform_audit_row": "the platform's own audit chain; the sign-in role alone adds to it and reads it",
    "user_account": "people belong to no tenant; memberships do. Only the sign-in role reads it",
    "organisation": "owns tenants and holds a name only; the sign-in role alone reads it",
    "organisation_member": "people in organisations; the sign-in role alone reads it",
    "organisation_quota": "what an organisation's tenants may use; each sees its own organisation's (OrganisationTable)",
    "sign_in_session": "sign-ins of people, who belong to no tenant; the sign-in role alone reads it",
    "email_change": "the address that a person changes to; the sign-in role alone reads it",
    "sign_in_factor": "second factors of people, sealed; the sign-in role alone reads it",
    "identity_provider": "where an organisation's people sign in; the sign-in role alone reads it",
    "provisioned_group": "groups as identity providers name them; the sign-in role alone reads it",
    "person_identity": "people as their identity providers know them; the sign-in role alone reads it",
    "mail": "mails to be sent: a kind, an address and an id; the sign-in role alone reads it",
    "agent": "machines of the platform that run tenants' code; no content of a tenant",
    "plan": "what tenants may use and what it costs: names and numbers of the platform; only the sign-in role writes",
    "periodic_job": "what became of the platform's own periodic work; no content of a tenant",
    **{
        f"django_celery_beat_{name}": "when the platform's own periodic work is due; only the scheduler's role"
        for name in (
            "clockedschedule",
            "crontabschedule",
            "intervalschedule",
            "periodictask",
            "periodictasks",
            "solarschedule",
        )
    },
    "django_migrations": "which migrations ran",
    "django_content_type": "names of models",
    "auth_permission": "names of what can be granted",
    "auth_group": "Django's own, unused",
    "auth_group_permissions": "Django's own, unused",
}
"""Reviewed: tables without a tenant, and why that is right."""

KEYS_WITHOUT_TENANT = {
    "tenant_slug_key": "addresses of tenants are the platform's: two tenants cannot share one",
    "token_digest_key": "SHA-256 of 256 random bits: nothing to learn from a collision",
}
"""Reviewed: unique keys that do not start with the tenant. Primary keys on a uuid of our own are fine as well."""

RUNS_AS_OWNER = {
    "app.cut_audit(bigint,integer)": "no role may delete a row of the audit; docs/adr/0031. The scheduler's role alone",
}
"""Reviewed: functions that do what their caller may not."""

OWN_ID_KEYS = frozenset({"work_item"})
"""Tables whose primary key is a number: no API takes it from a caller."""


def all_findings(cursor: Any) -> list[str]:
    """Everything that is wrong."""
    tables = read_tables(cursor)
    found = [sentence for table in tables.values() for sentence in _of_table(table)]
    return [*found, *_of_declarations(tables), *_of_roles(cursor), *_of_database(cursor)]


def _of_table(table: Table) -> Iterator[str]:
    if table.owner != "aerodrome_owner":
        yield f"{table.name}: belongs to {table.owner}"
    if table.tenant_column is None:
        if table.name not in NO_TENANT:
            yield f"{table.name}: has no tenant and is not on the reviewed list"
        return
    if not table.has_rls:
        yield f"{table.name}: row-level security is off"
    if not table.forces_rls:
        yield f"{table.name}: row-level security is not forced"
    if table.name != "tenant":
        if not table.columns["tenant_id"].name or table.columns["tenant_id"].type != "uuid":
            yield f"{table.name}: tenant_id is no uuid"
        if f"{table.name}_tenant_immutable" not in table.triggers:
            yield f"{table.name}: a row could move to another tenant"
    yield from _of_keys(table)


def _of_keys(table: Table) -> Iterator[str]:
    for name, columns in table.keys.items():
        if columns[:1] == (table.tenant_column,) or name in KEYS_WITHOUT_TENANT:
            continue
        own_id = columns == ("id",) and (table.columns["id"].type == "uuid" or table.name in OWN_ID_KEYS)
        if columns != table.primary_key or not own_id:
            yield f"{table.name}: unique key {name} does not start with the tenant"
    for key in table.foreign_keys:
        if key.target in ("tenant", "user_account", "organisation", "identity_provider"):
            continue
        if key.columns[0] != "tenant_id" or key.target_columns[0] != "tenant_id":
            yield f"{table.name}: foreign key {key.name} leads out of the tenant"


def _of_declarations(tables: dict[str, Table]) -> Iterator[str]:
    declared: dict[str, TenantTable] = {}
    parts: dict[str, str | None] = {}
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, TenantTable):
                declared[model._meta.db_table] = constraint
                reached = rls_parts.ROLE in constraint.privileges()
                parts[model._meta.db_table] = rls_parts.condition_of(model) if reached else None
            if isinstance(constraint, TenantForeignKey):
                names = {key.name for key in tables[model._meta.db_table].foreign_keys}
                if constraint.name not in names:
                    yield f"{model._meta.db_table}: declared foreign key {constraint.name} is missing"
            if isinstance(constraint, OrganisationTable):
                yield from _organisation_differences(tables[model._meta.db_table])
            if isinstance(constraint, PlatformTable) and model._meta.db_table not in NO_TENANT:
                yield f"{model._meta.db_table}: declared as the platform's, not on the reviewed list"
    for name, table in tables.items():
        if table.tenant_column is None:
            continue
        if name not in declared:
            yield f"{name}: has a tenant and no TenantTable on a model"
            continue
        yield from _policy_differences(table, declared[name], parts[name])


def _organisation_differences(table: Table) -> Iterator[str]:
    """Rows of organisations: each tenant sees its own organisation's, the sign-in role all."""
    if not (table.has_rls and table.forces_rls):
        yield f"{table.name}: row-level security is off, or not forced"
    if set(table.policies) != {"organisation_rows", "wide_auth"}:
        yield f"{table.name}: its policies are {sorted(table.policies)}"
        return
    rows, wide = table.policies["organisation_rows"], table.policies["wide_auth"]
    told = "".join(rows.using.split())
    through = "organisation_id=(SELECTt.organisation_idFROMtenanttWHERE(t.id=(SELECTapp.tenant()AStenant)))"
    if rows.command != "SELECT" or ROLES["auth"] in rows.roles or through not in told:
        yield f"{table.name}: policy organisation_rows is {rows}"
    if wide.roles != (ROLES["auth"],):
        yield f"{table.name}: policy wide_auth is for {wide.roles}"


def _policy_differences(table: Table, wall: TenantTable, part: str | None) -> Iterator[str]:
    """`part`: the condition of the policy for parts of a tenant, if its model has one."""
    wide = [ROLES[role] for role in wall.wide]
    narrow = tuple(sorted(role for role in wall.privileges() if role not in wide))
    mine = f"({wall.column} = {MINE})"
    wanted: dict[str, tuple[Any, ...]] = {
        f"wide_{role}": (True, "ALL", (ROLES[role],), "true", "true") for role in wall.wide
    }
    if narrow:
        wanted["tenant_rows"] = (True, "ALL", narrow, mine, mine)
        wanted["tenant_guard"] = (False, "ALL", narrow, mine, mine)
    for command in wall.owner_may:
        wanted[f"owner_{command.lower()}"] = (True, command, (OWNER,), mine, "")
    for name in table.policies.keys() | wanted.keys() | ({rls_parts.POLICY} if part else set()):
        policy = table.policies.get(name)
        if policy is None:
            yield f"{table.name}: policy {name} is missing"
            continue
        if name == rls_parts.POLICY and part is not None:
            # Postgres tells the condition in its own words: what it does is tested in test_parts.py.
            as_declared = (policy.is_permissive, policy.command, policy.roles) == (
                False,
                "ALL",
                (rls_parts.ROLE,),
            )
            if not as_declared or policy.using != policy.check or "area_is_whole" not in policy.using:
                yield f"{table.name}: policy {name} is not as declared"
            continue
        if name not in wanted:
            yield f"{table.name}: policy {name} is not declared"
            continue
        found = (policy.is_permissive, policy.command, policy.roles, policy.using, policy.check)
        found = (*found[:3], *(" ".join(text.split()) for text in found[3:]))
        if found != wanted[name]:
            yield f"{table.name}: policy {name} is {found}, declared {wanted[name]}"


def _of_roles(cursor: Any) -> Iterator[str]:
    for name, superuser, bypass, create_role, create_db in rows(
        cursor,
        """SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles
           WHERE rolname LIKE 'aerodrome%%'""",
    ):
        if superuser or bypass or create_role or create_db:
            yield f"role {name}: is a superuser, bypasses row-level security or creates roles or databases"
    service = (*ROLES.values(), rls_parts.ROLE)
    for role, member in rows(
        cursor,
        """SELECT r.rolname, m.rolname FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid
           JOIN pg_roles m ON m.oid = a.member WHERE m.rolname = ANY(%s)""",
        list(service),
    ):
        if (role, member) != (rls_parts.ROLE, ROLES["app"]):
            yield f"role {member}: is a member of {role}"
    for (role,) in rows(
        cursor,
        "SELECT rolname FROM pg_roles WHERE rolname = %s AND rolinherit OR rolname = %s AND rolcanlogin",
        ROLES["app"],
        rls_parts.ROLE,
    ):
        yield f"role {role}: inherits from a role, or signs in, that should not"
    for kind, name, owner in rows(
        cursor,
        """SELECT c.relkind::text, c.relname, pg_get_userbyid(c.relowner) FROM pg_class c
           WHERE pg_get_userbyid(c.relowner) = ANY(%s)""",
        list(service),
    ):
        yield f"role {owner}: owns {kind} {name}"
    for table, role, privilege in rows(
        cursor,
        """SELECT table_name, grantee, privilege_type FROM information_schema.role_table_grants
           WHERE table_schema = 'public' AND (grantee = ANY(%s) OR grantee = 'PUBLIC')
             AND (privilege_type IN ('TRUNCATE', 'REFERENCES', 'TRIGGER') OR grantee = 'PUBLIC')""",
        list(service),
    ):
        yield f"{table}: {role} holds {privilege}"
    for role in service:
        cursor.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", [role])
        if cursor.fetchone()[0]:
            yield f"role {role}: may create tables"


def _of_database(cursor: Any) -> Iterator[str]:
    for name, path, callers in rows(
        cursor,
        """SELECT p.oid::regprocedure::text, p.proconfig, array(
             SELECT r.rolname::text FROM pg_roles r WHERE NOT r.rolsuper AND r.rolname LIKE 'aerodrome%%'
               AND r.oid <> p.proowner AND has_function_privilege(r.oid, p.oid, 'EXECUTE'))
           FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
           WHERE p.prosecdef AND n.nspname IN ('public', 'app')""",
    ):
        if name not in RUNS_AS_OWNER:
            yield f"function {name}: runs as its owner"
        if path != ["search_path=pg_catalog, pg_temp"]:
            yield f"function {name}: finds what it names where its caller says"
        if callers != [ROLES["scheduler"]]:
            yield f"function {name}: may be called by {callers}"
    for (name,) in rows(
        cursor,
        """SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname IN ('public', 'app') AND (c.relkind = 'm' OR (c.relkind = 'v'
             AND NOT coalesce('security_invoker=true' = ANY(c.reloptions), false)))""",
    ):
        yield f"view {name}: shows what its owner sees"
    for (name,) in rows(
        cursor,
        "SELECT proname FROM pg_proc WHERE pronamespace = 'app'::regnamespace AND proname = 'tenant' "
        "AND provolatile <> 's'",
    ):
        yield f"function {name}: not STABLE, so no index would be used"
