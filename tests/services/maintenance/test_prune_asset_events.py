"""Events of assets go with the runs that consumed them; what a DAG may still consume stays, and so does the newest."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.asset_event_run import AssetEventRun
from controlplane.ledger.models.asset_queue import AssetQueue
from controlplane.ledger.models.dag_run import DagRun
from controlplane.maintenance import prune
from controlplane.maintenance.keep import keep
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.assets import asset, both, consumer, event_of, events_in, produce, producer, runs_of
from tests.support.walk import Walk, walk_for

ONE, TWO, LONE = asset("one"), asset("two"), asset("lone")
AGE = timedelta(days=100)


@pytest.fixture
def walk(tenant: Tenant) -> Walk:
    """e1 (one) and e2 (two) brought a run about that goes on; e3 and e4 (one) wait for the next of two."""
    for dag_id, what in (("p1", ONE), ("p2", TWO), ("p3", LONE)):
        producer(tenant, dag_id, what)
    consumer(tenant, "both", both(ONE, TWO))
    walk = walk_for(tenant)
    for dag_id, what, name in (("p1", ONE, "e1"), ("p2", TWO, "e2"), ("p1", ONE, "e3"), ("p1", ONE, "e4")):
        produce(walk, dag_id, what, events=[event_of(what, extra={"is": name})])
    assert len(runs_of(tenant, "both")) == 1
    return walk


def go(tenant: Tenant) -> list[str]:
    """All that is there becomes 100 days old, what is older than 30 goes; the events that are left."""
    with tenant_scope(tenant.id):
        AssetEvent.objects.update(timestamp=F("timestamp") - AGE)
        DagRun.objects.update(run_after=F("run_after") - AGE)
        keep(days={"runs_days": 30}, now=utc_now())
    prune.prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=utc_now())
    return [event.extra["is"] for event in events_in(tenant)]


def test_what_a_kept_run_consumed_and_what_waits_stays(tenant: Tenant, walk: Walk) -> None:
    assert go(tenant) == ["e1", "e2", "e3", "e4"]


def test_what_no_run_has_any_more_goes_but_for_the_newest(tenant: Tenant, walk: Walk) -> None:
    with tenant_scope(tenant.id):
        AssetEventRun.objects.all().delete()
    assert go(tenant) == ["e2", "e3", "e4"], "e2 is the newest of its asset"


def test_what_came_since_the_last_run_stays_though_no_queue_has_it(tenant: Tenant, walk: Walk) -> None:
    """The next run takes all events of its assets since the one before, not those of the queue alone."""
    with tenant_scope(tenant.id):
        AssetEventRun.objects.all().delete()
        AssetQueue.objects.all().delete()
    assert go(tenant) == ["e2", "e3", "e4"]


def test_of_an_asset_that_nobody_waits_for_the_newest_stays(
    tenant: Tenant, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "ROWS", 1)
    for name in ("l1", "l2", "l3"):
        produce(walk, "p3", LONE, events=[event_of(LONE, extra={"is": name})])
    assert go(tenant) == ["e1", "e2", "e3", "e4", "l3"]
