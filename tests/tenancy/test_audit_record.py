"""A change's audit row: committed with the deed or not at all, whose it is, without secrets, never changed."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from tenants.audit.context import AuditContext, audit_context
from tenants.audit.entry import PLATFORM, START, digest_of, link
from tenants.audit.record import record_change, record_platform_change
from tenants.models.audit_row import AuditRow
from tenants.models.tenant import Tenant
from tenants.scope import TenantScopeMissing, tenant_scope
from tests.support.audit_rows import audit_rows, platform_rows
from tests.support.roles import VARIABLES, connected_as, set_tenant
from tests.support.sessions import Other


def change(tenant: Tenant, **more: Any) -> None:
    with tenant_scope(tenant.id):
        record_change(**{"action": "pool.changed", "target": "pool:small", **more})


def test_a_change_says_who_what_and_from_where(tenant: Tenant) -> None:
    context = AuditContext(actor_kind="person", actor="ada", address="192.0.2.7", request_id="req-12345",
                           method="PATCH", route="/t/<slug>/pools")  # fmt: skip
    with audit_context(context):
        change(tenant, before={"slots": 1}, after={"slots": 2})
    row = audit_rows(tenant, target="pool:small")[-1]
    assert (row["actor_kind"], row["actor"], row["address"]) == ("person", "ada", "192.0.2.7")
    assert (row["request_id"], row["method"], row["route"]) == ("req-12345", "PATCH", "/t/<slug>/pools")
    assert (row["before"], row["after"], row["outcome"]) == ({"slots": 1}, {"slots": 2}, "done")
    assert context.recorded == 1


def test_without_a_request_the_process_acts(tenant: Tenant) -> None:
    change(tenant)
    assert audit_rows(tenant, target="pool:small")[-1]["actor_kind"] == "system"


def test_rows_are_chained_in_the_order_of_commits(tenant: Tenant) -> None:
    for number in range(3):
        change(tenant, after={"slots": number})
    with tenant_scope(tenant.id):
        rows = list(AuditRow.objects.order_by("seq"))
    prev = START
    for place, row in enumerate(rows, start=1):
        assert (row.seq, bytes(row.prev)) == (place, prev)
        prev = link(chain=tenant.id, seq=row.seq, prev=prev, digest=bytes(row.digest))
        assert bytes(row.hash) == prev


def test_a_change_that_is_rolled_back_leaves_nothing(tenant: Tenant) -> None:
    before = audit_rows(tenant)
    with pytest.raises(ZeroDivisionError), tenant_scope(tenant.id):
        record_change(action="pool.changed", target="pool:small")
        _ = 1 / 0
    assert audit_rows(tenant) == before


def test_a_savepoint_that_is_rolled_back_takes_its_row_along(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        record_change(action="pool.made", target="pool:one")
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            record_change(action="pool.made", target="pool:two")
            _ = 1 / 0
        record_change(action="pool.made", target="pool:three")
    assert [row["target"] for row in audit_rows(tenant, action="pool.made")] == ["pool:one", "pool:three"]


def test_outside_of_a_scope_the_tenant_must_be_named(tenant: Tenant) -> None:
    with pytest.raises(TenantScopeMissing):
        record_change(action="pool.made", target="pool:one")


@pytest.mark.parametrize("in_transaction", [True, False])
def test_the_sign_in_role_names_the_tenant(tenant: Tenant, in_transaction: bool) -> None:
    if in_transaction:
        with transaction.atomic(using="auth"):
            record_change(action="member.added", target="member:1", using="auth", tenant_id=tenant.id)
    else:
        record_change(action="member.added", target="member:1", using="auth", tenant_id=tenant.id)
    assert len(audit_rows(tenant, action="member.added")) == 1


def test_the_platform_has_a_chain_of_its_own(tenant: Tenant) -> None:
    record_platform_change(action="organisation.made", target="organisation:1", after={"name": "Acme"})
    row = platform_rows(target="organisation:1")[0]
    content = {name: row[name] for name in ("id", "at", "action", "target", "outcome", "actor_kind", "actor",
               "actor_id", "address", "request_id", "method", "route", "status", "organisation_id")}  # fmt: skip
    content |= {"before": None, "after": '{"name":"Acme"}', "detail": None}
    assert bytes(row["digest"]) == digest_of(content, chain=PLATFORM)
    assert audit_rows(tenant, action="organisation.made") == []


def test_two_changes_side_by_side_both_get_a_place(tenant: Tenant, superuser: Any) -> None:
    before = len(audit_rows(tenant))
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 7226))", [f"audit:{tenant.id}"])
        others = [Other(lambda: change(tenant)) for _ in range(4)]
        others[0].wait_until_blocked(superuser)
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 7226))", [f"audit:{tenant.id}"])
    for other in others:
        other.join()
        assert other.error is None
    assert [row["seq"] for row in audit_rows(tenant)] == list(range(1, before + 5))


@pytest.mark.parametrize("role", VARIABLES)
@pytest.mark.parametrize("table", ["audit_row", "platform_audit_row"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}", "TRUNCATE {}"])
def test_no_role_of_a_service_changes_a_row(tenant: Tenant, role: str, table: str, statement: str) -> None:
    change(tenant)
    with connected_as(role) as connection, connection.cursor() as cursor:
        set_tenant(cursor, tenant.id)
        with pytest.raises(Exception, match="permission denied"):
            cursor.execute(statement.format(table))
