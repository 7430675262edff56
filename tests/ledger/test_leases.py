"""take_lease.sql and check_lease.sql: one scheduler per tenant, known by an epoch. The database's clock decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections

from controlplane.foundation.db import execute
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.sessions import another_session

pytestmark = pytest.mark.django_db

A, B = uuid4(), uuid4()


def _take(tenant: Tenant, holder: UUID, seconds: float = 60.0) -> int | None:
    rows = execute(
        "ledger/sql/take_lease.sql", using="scheduler", tenant=tenant.id, holder=holder, seconds=seconds
    )
    return rows[0][0] if rows else None


def _check(tenant: Tenant, holder: UUID, epoch: int) -> bool:
    with tenant_scope(tenant.id, using="scheduler"):
        rows = execute(
            "ledger/sql/check_lease.sql",
            using="scheduler",
            tenant=tenant.id,
            holder=holder,
            epoch=epoch,
            idle_seconds=5.0,
        )
    return bool(rows)


def test_one_holds_it_and_renews_without_a_new_epoch(tenant: Tenant) -> None:
    assert _take(tenant, A) == 1
    assert _take(tenant, A) == 1
    assert _take(tenant, B) is None
    assert (_check(tenant, A, 1), _check(tenant, B, 1), _check(tenant, A, 2)) == (True, False, False)


def test_a_lapsed_lease_is_nobodys_and_the_taker_has_a_new_epoch(tenant: Tenant) -> None:
    assert _take(tenant, A, seconds=-1.0) == 1
    assert not _check(tenant, A, 1)
    assert _take(tenant, B) == 2
    assert (_check(tenant, B, 2), _check(tenant, A, 1)) == (True, False)
    assert _take(tenant, A) is None


def test_nobody_waits_for_a_holder_in_its_transaction(tenant: Tenant, superuser: Any) -> None:
    """The holder has the row shared while it works. A taker passes by, even when the lease has lapsed."""
    _take(tenant, A, seconds=-1.0)
    with another_session(superuser) as working:
        working.execute("SELECT id FROM tenant_lease WHERE id = %s FOR SHARE", [str(tenant.id)])
        assert _take(tenant, B) is None
    assert _take(tenant, B) == 2


def test_who_freezes_in_the_fenced_transaction_is_let_go_by_the_database(tenant: Tenant) -> None:
    _take(tenant, A)
    with tenant_scope(tenant.id, using="scheduler"):
        execute(
            "ledger/sql/check_lease.sql",
            using="scheduler",
            tenant=tenant.id,
            holder=A,
            epoch=1,
            idle_seconds=7.5,
        )
        with connections["scheduler"].cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("7500ms",)
    with tenant_scope(tenant.id, using="scheduler"), connections["scheduler"].cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("0",), "of that transaction only"


def test_the_app_takes_no_lease_and_an_unknown_tenant_has_none(tenant: Tenant) -> None:
    with tenant_scope(tenant.id), pytest.raises(Exception, match="permission denied"):
        execute("ledger/sql/take_lease.sql", tenant=tenant.id, holder=A, seconds=1.0)
    rows = execute("ledger/sql/take_lease.sql", using="scheduler", tenant=uuid4(), holder=A, seconds=1.0)
    assert rows == []


def test_a_lease_of_one_tenant_says_nothing_of_another(tenant: Tenant, other_tenant: Tenant) -> None:
    assert _take(tenant, A) == 1
    assert _take(other_tenant, B) == 1
    assert not _check(other_tenant, A, 1)
