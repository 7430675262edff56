"""Rows of the event log, usage of attempts and the audit's beginning go when a tenant says so, in its hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.attempt_usage import AttemptUsage
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.retention import Retention
from controlplane.ledger.models.usage_day import UsageDay
from controlplane.ledger.record_event import record_event
from controlplane.maintenance import prune
from controlplane.maintenance.keep import keep
from controlplane.maintenance.usage import count_usage
from domain.ids import uuid7
from tenants.audit import record
from tenants.audit.chains import checkpoint_store, verify
from tenants.audit.cut import ChainBroken
from tenants.audit.record import record_change
from tenants.audit.sign_chain import sign_chain
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.audit_rows import audit_rows

NOW = utc_now()


def keeping(tenant: Tenant, **days: int) -> None:
    with tenant_scope(tenant.id):
        keep(days=dict(days), now=NOW)


def go(tenant: Tenant, now: datetime = NOW) -> datetime | None:
    return prune.prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=now)


def pruned(tenant: Tenant) -> dict[str, int]:
    with tenant_scope(tenant.id):
        found: dict[str, int] = Retention.objects.get().pruned
    return found


def events(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return list(EventLog.objects.order_by("serial").values_list("event", flat=True))


def test_old_rows_of_the_event_log_go(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "ROWS", 2)
    for whose in (tenant, other_tenant):
        with tenant_scope(whose.id):
            for age in (50, 45, 40, 20, 1):
                record_event(event=f"e{age}", owner="ann", now=NOW - timedelta(days=age))
    before = events(other_tenant)
    keeping(tenant, events_days=30)
    go(tenant)
    assert events(tenant)[-2:] == ["e20", "e1"] and not {"e50", "e45", "e40"} & set(events(tenant))
    assert pruned(tenant)["events"] == 3
    assert events(other_tenant) == before


def used(tenant: Tenant, age: int, counted: bool) -> None:
    ended = NOW - timedelta(days=age)
    AttemptUsage(
        tenant_id=tenant.id, id=uuid7(), kind="held", task_instance_id=uuid7(), epoch=1, dag_id="etl", run_id="r",
        task_id="only", map_index=-1, try_number=1, started_at=ended, ended_at=ended, task_us=5, is_counted=counted,
    ).save(force_insert=True)  # fmt: skip


def test_counted_usage_goes_and_its_sums_stay(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        for age in (100, 90, 10):
            used(tenant, age, counted=False)
        count_usage(using="default")
        used(tenant, 95, counted=False)
    keeping(tenant, usage_days=62)
    go(tenant)
    with tenant_scope(tenant.id):
        ages = [(NOW - row.ended_at).days for row in AttemptUsage.objects.order_by("ended_at")]
        assert ages == [95, 10], "what is not counted yet stays"
        assert sum(UsageDay.objects.values_list("task_us", flat=True)) == 15


def test_the_audit_is_cut_and_still_verifies(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "AUDIT_CHECKPOINTS", str(tmp_path))
    with connections["owner"].cursor() as cursor:  # the fixture's own rows are of today
        cursor.execute("ALTER TABLE audit_row NO FORCE ROW LEVEL SECURITY; DELETE FROM audit_row")
        cursor.execute("ALTER TABLE audit_row FORCE ROW LEVEL SECURITY")
    with monkeypatch.context() as then:
        then.setattr(record, "utc_now", lambda: NOW - timedelta(days=400))
        for name in ("one", "two", "three"):
            with tenant_scope(tenant.id):
                record_change(action="pool.made", target=f"pool:{name}")
    sign_chain(chain=tenant.id, store=checkpoint_store(), now=NOW, every_seconds=0)
    keeping(tenant, audit_days=365)
    go(tenant)
    assert pruned(tenant) == {"audit": 2}
    assert [row["target"] for row in audit_rows(tenant)] == ["pool:three"]
    verdict = verify(tenant.id, store=checkpoint_store())
    assert verdict.holds and verdict.begins == 3


def test_a_chain_that_does_not_hold_stops_nothing_else(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ChainBroken(None, 3)

    monkeypatch.setattr(prune, "cut_chain", broken)
    with tenant_scope(tenant.id):
        record_event(event="old", owner="ann", now=NOW - timedelta(days=40))
    keeping(tenant, audit_days=365, events_days=30)
    assert go(tenant) == NOW + timedelta(days=1)
    assert "old" not in events(tenant)


@pytest.mark.parametrize(
    ("hours", "hour", "begins"),
    [
        ((2, 5), 1, (1, 2)), ((2, 5), 2, None), ((2, 5), 4, None), ((2, 5), 5, (2, 2)),
        ((22, 4), 23, None), ((22, 4), 3, None), ((22, 4), 4, (1, 22)), ((22, 4), 21, (1, 22)),
    ],
)  # fmt: skip
def test_it_waits_for_its_hours(
    tenant: Tenant, hours: tuple[int, int], hour: int, begins: tuple[int, int] | None
) -> None:
    now = datetime(2026, 7, 1, hour, 30, tzinfo=UTC)
    with tenant_scope(tenant.id):
        record_event(event="old", owner="ann", now=now - timedelta(days=40))
    keeping(tenant, events_days=30, from_hour=hours[0], until_hour=hours[1])
    again = go(tenant, now)
    if begins is None:
        assert again == now + timedelta(days=1) and "old" not in events(tenant)
    else:
        assert again == datetime(2026, 7, *begins, tzinfo=UTC) and "old" in events(tenant)
