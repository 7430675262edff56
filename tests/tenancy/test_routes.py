"""Every URL of the resolver, knocked at by a stranger: with the other tenant's names, and with their ids in
one's own. Nothing succeeds, nothing breaks, nothing of the other tenant comes out, nothing there changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from psycopg2.extras import Json, register_uuid

from tenants.access_tokens import issue_access_token
from tenants.models.tenant import Tenant
from tests.support.actors import Actor, Door
from tests.support.catalog import read_tables
from tests.support.generic_rows import GenericRows
from tests.support.specs import chain

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OPEN = {
    "api/portal/v1/sign-up": "makes a tenant of the caller's own",
    "api/portal/v1/sign-in": "asks for a password",
    "api/portal/v1/sign-in/passkey": "a challenge, the same for everybody",
    "api/portal/v1/me": "the caller's own account",
    "api/portal/v1/me/email": "the caller's own account",
    "api/portal/v1/me/sessions": "the caller's own account",
    "api/portal/v1/me/factors": "the caller's own account",
    "api/portal/v1/sign-out": "the caller's own session",
    "api/portal/v1/tenants": "the caller's own tenants",
    "api/portal/v1/organisations": "the caller's own organisations",
    "api/portal/v1/sso/providers": "where a tenant's people sign in: nothing, here as for a tenant that is not there",
    "api/portal/v1/permissions": "the published list of what a role can be made of",
    "api/portal/v1/schema": "the public description of the portal's API",
    "execution/health": "alive or not",
    "execution/health/ping": "alive or not",
    "t/<slug>/api/v2/auth/login": "leads to the page for signing in, whatever tenant is named",
    "t/<slug>/api/v2/auth/logout": "leads to the page for signing in, whatever tenant is named",
    "t/<slug>/api/v2/version": "the same for every address",
    "t/<slug>/api/v2/monitor/health": "the same for every address",
}
"""Reviewed: paths that may answer anybody with success, and why. They may never hold a canary either."""


def all_paths() -> list[str]:
    """Every pattern as text with `<name>` for its parts."""
    return sorted({clean(path) for path in raw_paths()})


def raw_paths() -> list[str]:
    """Every pattern as the resolver has it, with the kinds of its parts."""
    return sorted(set(_walk(get_resolver().url_patterns, "")))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
        else:
            yield path


def clean(path: str) -> str:
    """A pattern with `<name>` for its parts."""
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", path)
    path = re.sub(r"<\w+:(\w+)>", r"<\1>", path)
    return path.replace("^", "").replace("$", "").replace("\\.", ".").replace("\\Z", "")


class Names:
    """What the other tenant's rows are called: the parts of paths."""

    def __init__(self, rows: GenericRows, victim: Tenant) -> None:
        run, instance = rows.row("dag_run", victim.id), rows.row("task_instance", victim.id)
        self.parts: dict[str, Any] = {
            "dag_id": rows.row("dag", victim.id)["dag_id"],
            "dag_run_id": run["run_id"],
            "run_id": run["run_id"],
            "task_id": instance["task_id"],
            "task_instance_id": instance["id"],
            "map_index": -1,
            "try_number": 1,
            "version_number": 1,
            "pool_name": rows.row("pool", victim.id)["name"],
            "variable_key": rows.row("variable", victim.id)["key"],
            "connection_id": rows.row("connection", victim.id)["conn_id"],
            "xcom_key": rows.row("xcom", victim.id)["key"],
            "key": rows.row("xcom", victim.id)["key"],
            "event_log_id": rows.row("event_log", victim.id)["serial"],
            "import_error_id": rows.row("import_error", victim.id)["serial"],
            "organisation_id": victim.organisation_id,
            "user_id": rows.row("membership", victim.id)["user_id"],
            "invitation_id": rows.row("invitation", victim.id)["id"],
            "token_id": rows.row("token", victim.id)["id"],
            "bundle_id": rows.row("bundle_version", victim.id)["id"],
            "runtime_id": rows.row("runtime", victim.id)["id"],
        }

    def fill(self, path: str, slug: str) -> str:
        """The path with the victim's names, below the tenant `slug`. Unknown parts get the victim's run id."""

        def part(match: re.Match[str]) -> str:
            name = match[1]
            if name == "slug":
                return slug
            if name == "path":
                return "info/refs"
            found = self.parts.get(name)
            if found is None:
                found = self.parts["task_instance_id"] if name.endswith("id") else self.parts["run_id"]
            return str(found)

        return "/" + re.sub(r"<(\w+)>", part, path)


@pytest.fixture
def world(tenant: Tenant, superuser: Any) -> Iterator[tuple[GenericRows, Names]]:
    """`tenant` with a row in every table, each text of it marked."""
    register_uuid()
    with superuser.cursor() as cursor:
        rows = GenericRows(cursor, read_tables(cursor))
        cursor.execute("SELECT * FROM tenant WHERE id = %s", [tenant.id])
        names = [column.name for column in cursor.description]
        rows.made["tenant", tenant.id] = dict(zip(names, cursor.fetchone(), strict=True))
        for table in rows.tables.values():
            if table.tenant_column and table.name != "tenant":
                rows.row(table.name, tenant.id)
        # Every JSON column holds just a canary; a spec has to be one.
        spec = chain(rows.canary(tenant.id), 2)
        cursor.execute("UPDATE dag_version SET spec = %s WHERE tenant_id = %s", [Json(spec), tenant.id])
        yield rows, Names(rows, tenant)


def fingerprint(rows: GenericRows, tenant: Tenant) -> dict[str, str]:
    """A digest of the tenant's rows, by table."""
    found = {}
    for table in rows.tables.values():
        if table.tenant_column:
            sql = f'SELECT t::text FROM "{table.name}" t WHERE {table.tenant_column} = %s ORDER BY 1'
            rows.cursor.execute(sql, [tenant.id])
            found[table.name] = hashlib.sha256(repr(rows.cursor.fetchall()).encode()).hexdigest()
    return found


def doors(stranger: Actor) -> dict[str, Door]:
    """Each way in which the stranger can present themselves."""
    portal = stranger.portal().token
    return {
        "airflow": Door(prefix="", token=stranger.v2().token),
        "portal": Door(prefix="", token=portal),
        "nobody": Door(prefix="", token=None),
    }


def test_a_stranger_gets_nowhere_at_the_others_addresses(
    tenant: Tenant, stranger: Actor, world: tuple[GenericRows, Names]
) -> None:
    rows, names = world
    before = fingerprint(rows, tenant)
    wrong = []
    for path in all_paths():
        url = names.fill(path, tenant.slug)
        for who, door in doors(stranger).items():
            for method in METHODS:
                answer = door.call(method, url, {} if method != "GET" else None)
                fine = answer.status < 500 if path in OPEN else 400 <= answer.status < 500
                if not fine or rows.canary(tenant.id) in f"{answer.body}{answer.headers}".replace(url, ""):
                    wrong.append(f"{method} {path} as {who}: {answer.status}")
    assert wrong == []
    assert fingerprint(rows, tenant) == before


def test_a_strangers_own_address_knows_nothing_of_the_others_ids(
    tenant: Tenant, other_tenant: Tenant, stranger: Actor, world: tuple[GenericRows, Names]
) -> None:
    rows, names = world
    before = fingerprint(rows, tenant)
    canary = rows.canary(tenant.id)
    wrong = []
    for path in all_paths():
        url = names.fill(path, other_tenant.slug)
        mine = [part for part in url.split("/") if canary in part]
        for who, door in doors(stranger).items():
            for method in METHODS:
                answer = door.call(method, url, {} if method != "GET" else None)
                said = f"{answer.body}{answer.headers}"
                for part in mine:  # what the stranger wrote themselves may be repeated to them
                    said = said.replace(part, "")
                if answer.status >= 500 or canary in said:
                    wrong.append(f"{method} {path} as {who}: {answer.status}")
    assert wrong == []
    assert fingerprint(rows, tenant) == before


def test_the_canaries_would_be_seen(tenant: Tenant, member: Actor, world: tuple[GenericRows, Names]) -> None:
    """The same names, asked for by a member: they are there, with their canaries."""
    rows, _names = world
    token = issue_access_token(
        user_id=member.user.id,
        username=member.user.username,
        tenant_id=tenant.id,
        now=_now(),
    )
    door = Door(prefix="", token=token)
    for path in ("dagRuns", "pools", "eventLogs", "importErrors"):
        url = f"/t/{tenant.slug}/api/v2/" + ("dags/~/dagRuns" if path == "dagRuns" else path)
        answer = door.get(url)
        assert answer.status == 200, answer.body
        assert rows.canary(tenant.id) in str(answer.body)


def test_every_open_path_is_one_of_ours() -> None:
    assert set(OPEN) <= set(all_paths())


def _now() -> Any:
    from controlplane.foundation.clock import utc_now

    return utc_now()
