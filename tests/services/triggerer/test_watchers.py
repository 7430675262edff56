"""Triggers that belong to an asset watcher: kept, replaced, dropped; each event is told to the station of assets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from api.agent import wiring
from controlplane.execution import tokens
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from controlplane.triggerer import events
from controlplane.triggerer.claim import claim_triggers
from controlplane.triggerer.watchers import drop_watchers, ensure_watcher
from domain.ids import uuid7
from taskwire.agent import Operation, Report
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Door
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[UUID, Any]]]:
    """What the station of assets hears."""
    wiring.connect()
    told: list[tuple[UUID, Any]] = []
    monkeypatch.setitem(
        events.WATCHERS,
        "event",
        lambda *, watcher_id, payload, now, using: told.append((watcher_id, payload)),
    )
    yield told


def _watch(tenant: Tenant, watcher: UUID, **more: Any) -> UUID:
    with tenant_scope(tenant.id):
        bundle = BundleVersion.objects.order_by("id").first()
        assert bundle is not None
        given = {"classpath": "own.Watches", "kwargs": {"n": 1}, "assets": {"a": "file:///a"}}
        return ensure_watcher(
            watcher_id=watcher, bundle_version_id=bundle.id, now=utc_now(), **{**given, **more}
        )


def _claim(walk: Walk) -> list[Order]:
    with tenant_scope(walk.tenant.id):
        return claim_triggers(
            tenant_id=walk.tenant.id,
            slug=walk.tenant.slug,
            agent=walk.agent,
            batch=10,
            now=utc_now(),
            issue_token=tokens.issue,
            log_place=lambda **_: ("log", 0),
            using="default",
        )


def test_a_watcher_is_run_once_and_replaced_when_it_changes(tenant: Tenant) -> None:
    parsed_dag(tenant)
    watcher = uuid7()
    first = _watch(tenant, watcher)
    assert _watch(tenant, watcher) == first
    second = _watch(tenant, watcher, kwargs={"n": 2})
    assert second != first
    with tenant_scope(tenant.id):
        assert list(Trigger.objects.values_list("id", flat=True)) == [second]
        assert list(Workload.objects.values_list("ref", flat=True)) == [second]
        drop_watchers(watcher_ids=[watcher])
        assert not Trigger.objects.exists()
        assert not Workload.objects.exists()


def test_it_fires_again_and_again(tenant: Tenant, heard: list[tuple[UUID, Any]]) -> None:
    parsed_dag(tenant)
    watcher, walk = uuid7(), walk_for(tenant)
    _watch(tenant, watcher)
    (order,) = _claim(walk)
    trigger = order.trigger
    assert trigger is not None
    assert (trigger.ti, trigger.assets, trigger.log_key) == (None, {"a": "file:///a"}, "")
    assert order.bundle is not None and order.runtime_digest
    for number in range(2):
        operation = Operation(kind="trigger_event", body={"payload": number})
        said = Report(id=order.id, tenant_id=str(tenant.id), epoch=1, operations=[operation])
        assert walk.report(said)[0].verdict == "accepted"
    assert heard == [(watcher, 0), (watcher, 1)]
    door = Door(prefix="/execution/", token=trigger.token)
    assert door.get("variables/keys").status == 200
    with tenant_scope(tenant.id):
        drop_watchers(watcher_ids=[watcher])
    assert door.get("variables/keys").status == 403


def test_strangers_have_none_of_it(
    tenant: Tenant, other_tenant: Tenant, heard: list[tuple[UUID, Any]]
) -> None:
    parsed_dag(tenant)
    watcher = uuid7()
    trigger = _watch(tenant, watcher)
    other = walk_for(other_tenant)
    assert _claim(other) == []
    operation = Operation(kind="trigger_event", body={"payload": 1})
    other.report(Report(id=str(trigger), tenant_id=str(other_tenant.id), epoch=1, operations=[operation]))
    assert heard == []
    with tenant_scope(other_tenant.id):
        drop_watchers(watcher_ids=[watcher])
    with tenant_scope(tenant.id):
        assert Trigger.objects.exists()
