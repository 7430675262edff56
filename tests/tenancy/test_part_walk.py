"""Every address of a tenant, knocked at by a member who has grants only, with the names and ids of what is not granted.

As the strangers' walk in `test_routes.py`, inside one tenant: nothing of the rest comes out, nothing of it changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.membership import Membership
from tenants.models.role import Role
from tenants.models.tenant import Tenant
from tenants.permissions import AREAS
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.factories import created_run, parsed_dag
from tests.support.generic_rows import GenericRows
from tests.support.specs import chain
from tests.tenancy.test_matrix import Ear, tenant_paths
from tests.tenancy.test_parts import NAMED, hangs_on_a_dag
from tests.tenancy.test_routes import METHODS, Names, clean, world

__all__ = ["world"]


@pytest.fixture
def guest(
    tenant: Tenant, actor: Callable[[str], Actor], member: Actor, world: tuple[GenericRows, Names]
) -> Actor:
    """Grants of everything that can be granted, on things of their own; a role that allows nothing."""
    person = actor("Viewer")
    with tenant_scope(tenant.id):
        Role.objects.create(
            tenant_id=tenant.id, name="Guest", permissions=[], created_at=utc_now(), changed_at=utc_now()
        )
    Membership.objects.using("auth").filter(user_id=person.user.id).update(role="Guest")
    created_run(tenant, parsed_dag(tenant, chain("mine", 2)), run_id="mine")
    for kind in ("dag", "pool", "connection", "variable"):
        body = {"username": person.user.username, "kind": kind, "name": "mine", "level": "edit"}
        assert member.portal().post("/tenants/alpha/grants", body).status == 201
    return person


def digest(rows: GenericRows, tenant: Tenant) -> dict[str, str]:
    """Of the marked rows in each table that parts narrow."""
    found = {}
    for table in sorted(hangs_on_a_dag(rows.tables) | NAMED.keys()):
        rows.cursor.execute(
            f'SELECT t::text FROM "{table}" t WHERE tenant_id = %s AND t::text LIKE %s ORDER BY 1',
            [tenant.id, f"%{rows.canary(tenant.id)}%"],
        )
        found[table] = hashlib.sha256(repr(rows.cursor.fetchall()).encode()).hexdigest()
    return found


def test_nothing_that_is_not_granted_comes_out_or_changes(
    tenant: Tenant, guest: Actor, world: tuple[GenericRows, Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, names = world
    canary, before = rows.canary(tenant.id), digest(rows, tenant)
    tokens = {True: guest.portal().token, False: guest.v2().token}
    ear = Ear(monkeypatch)
    wrong, admitted = [], set[str]()
    for path in tenant_paths():
        url = names.fill(clean(path), tenant.slug)
        for method in METHODS:
            ear.heard.clear()
            body: Any = None if method == "GET" else {}
            answer = Door(prefix="", token=tokens[path.startswith("api/portal/")]).call(method, url, body)
            asked = next(iter(ear.heard), "")
            if asked in AREAS and answer.status != 403:
                admitted.add(asked)
            said = f"{answer.body}{answer.headers}"
            for part in url.split("/"):  # what they wrote themselves may be repeated to them
                said = said.replace(part, "") if canary in part else said
            if canary in said or answer.status >= 500:
                wrong.append(f"{method} {clean(path)} ({asked}): {answer.status}")
    assert not wrong, "\n".join(wrong)
    assert digest(rows, tenant) == before
    assert {
        "dags.read",
        "runs.read",
        "runs.edit",
        "pools.read",
        "variables.read",
        "connections.read",
    } <= admitted


def test_the_walk_would_see_it(tenant: Tenant, guest: Actor, world: tuple[GenericRows, Names]) -> None:
    """The negative control: granted, the marked DAG and its run are there."""
    rows, names = world
    door = Door(prefix="", token=guest.v2().token)
    url = names.fill("t/<slug>/api/v2/dags/<dag_id>/dagRuns/<dag_run_id>", tenant.slug)
    assert door.get(url).status == 404
    rows.cursor.execute(
        "UPDATE grant_target SET name = %s WHERE tenant_id = %s AND kind = 'dag'",
        [rows.row("dag_run", tenant.id)["dag_id"], tenant.id],
    )
    rows.cursor.execute(
        "UPDATE dag SET dag_id = %s WHERE id = %s",
        [rows.row("dag_run", tenant.id)["dag_id"], rows.row("dag", tenant.id)["id"]],
    )
    listed = door.get(f"/t/{tenant.slug}/api/v2/dags/~/dagRuns")
    assert listed["total_entries"] == 1
    assert rows.canary(tenant.id) in str(listed.body)
