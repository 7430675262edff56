"""The handrail: one scope, one transaction, one tenant; nothing stays behind."""

from __future__ import annotations

import random
import threading
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connections, transaction

from controlplane.foundation.db import PayloadNotOpaque, notify
from controlplane.ledger.models.pool import Pool
from tenants.models.tenant import Tenant
from tenants.scope import (
    CrossTenantNesting,
    TenantScopeInsideTransaction,
    TenantScopeMissing,
    current_tenant,
    require_tenant,
    tenant_scope,
)
from tests.support.actors import Actor
from tests.support.factories import make_tenant, parsed_dag
from tests.support.specs import chain

ALIASES = ("default", "scheduler", "auth")


def setting(using: str = "default") -> str | None:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant_id', true)")
        found: str | None = cursor.fetchone()[0]
        return found


@pytest.mark.parametrize("using", ALIASES)
def test_a_scope_ends_with_its_transaction(tenant: Tenant, using: str) -> None:
    with tenant_scope(tenant.id, using=using):
        assert setting(using) == str(tenant.id)
        assert current_tenant(using=using) == str(tenant.id)
    assert setting(using) in ("", None)
    assert current_tenant(using=using) is None


def test_without_a_scope_there_are_no_rows(tenant: Tenant) -> None:
    assert list(Pool.objects.all()) == []
    with tenant_scope(tenant.id):
        assert Pool.objects.count() == 1
    assert list(Pool.objects.all()) == []
    with pytest.raises(TenantScopeMissing):
        require_tenant()


def test_without_a_scope_nothing_can_be_written(tenant: Tenant) -> None:
    with pytest.raises(DatabaseError, match="row-level security"):
        Pool(tenant=tenant, name="p", slots=1).save(force_insert=True)


def test_scopes_of_two_tenants_never_nest(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        with pytest.raises(CrossTenantNesting), tenant_scope(other_tenant.id):
            pass
        assert setting() == str(tenant.id)
        with tenant_scope(tenant.id):
            assert Pool.objects.count() == 1


def test_a_scope_is_the_outermost_transaction(tenant: Tenant) -> None:
    with transaction.atomic(), pytest.raises(TenantScopeInsideTransaction), tenant_scope(tenant.id):
        pass


def test_an_error_leaves_no_scope_and_no_rows(tenant: Tenant) -> None:
    with pytest.raises(RuntimeError), tenant_scope(tenant.id):
        Pool(tenant=tenant, name="p", slots=1).save(force_insert=True)
        raise RuntimeError
    assert setting() in ("", None)
    with tenant_scope(tenant.id):
        assert not Pool.objects.filter(name="p").exists()


def test_the_other_tenants_scope_shows_the_other_tenants_rows(tenant: Tenant, other_tenant: Tenant) -> None:
    for place in (tenant, other_tenant):
        with tenant_scope(place.id):
            Pool(tenant=place, name=f"of-{place.slug}", slots=1).save(force_insert=True)
    with tenant_scope(other_tenant.id):
        assert set(Pool.objects.values_list("name", flat=True)) == {"default_pool", "of-omega"}


@pytest.mark.parametrize("seed", range(4))
def test_nothing_leaks_over_many_interleaved_transactions(database: None, seed: int) -> None:
    """Threads of their own connection open scopes of three tenants, end them well or badly, look between."""
    tenants = [make_tenant(f"t{seed}{letter}").id for letter in "abc"]
    faults: list[str] = []
    threads = [threading.Thread(target=_wander, args=(seed * 10 + n, tenants, faults)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_leak_test_would_see_a_leak(tenant: Tenant) -> None:
    faults: list[str] = []
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, false)", [str(tenant.id)])  # for the session
    try:
        _look_outside(faults)
    finally:
        connections["default"].close()
    assert faults


def _wander(seed: int, tenants: list[UUID], faults: list[str]) -> None:
    choose = random.Random(seed)
    try:
        for _ in range(60):
            tenant = choose.choice(tenants)
            _one_scope(choose.choice(("well", "error", "savepoint", "sql")), tenant, faults)
            _look_outside(faults)
    finally:
        connections.close_all()


def _one_scope(ending: str, tenant: UUID, faults: list[str]) -> None:
    try:
        with tenant_scope(tenant):
            seen = set(Pool.objects.values_list("tenant_id", flat=True))
            if seen != {tenant}:
                faults.append(f"in the scope of {tenant}: {seen}")
            if ending == "error":
                raise RuntimeError
            if ending == "savepoint":
                with transaction.atomic():
                    Pool(tenant_id=tenant, name=uuid4().hex, slots=1).save(force_insert=True)
            if ending == "sql":
                with connections["default"].cursor() as cursor:
                    cursor.execute("SELECT 1/0")
    except (RuntimeError, DatabaseError):
        pass


def _look_outside(faults: list[str]) -> None:
    if setting() not in ("", None) or Pool.objects.exists():
        faults.append(f"outside every scope: {setting()!r}, {Pool.objects.count()} rows")


def test_notifications_carry_ids_only(tenant: Tenant, member: Actor, superuser: object) -> None:
    with pytest.raises(PayloadNotOpaque):
        notify("work", "dag my_secret_dag is due")
    heard = _listen(lambda: _trigger(tenant, member))
    assert [payload for channel, payload in heard if channel == "work"] == [str(tenant.id)] * 1
    assert all(payload == "" or UUID(payload) for _, payload in heard)


def _trigger(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant, chain("canary_dag", 1))
    assert member.v2().post("/dags/canary_dag/dagRuns", {"logical_date": None}).status == 200


def _listen(deed: object) -> list[tuple[str, str]]:
    from controlplane.foundation.db import listening

    with listening("work", "workload", "bundle", "rescue") as link:
        deed()  # type: ignore[operator]
        with link.cursor() as cursor:
            cursor.execute(
                "SELECT 1"
            )  # what was notified before is told with the answer, however busy the server
        link.poll()
        return [(notice.channel, notice.payload) for notice in link.notifies]
