"""Asset watchers: wanted by unpaused DAGs, shared by equal triggers, and each of their events is the asset's."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from api.agent import wiring
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.ledger.assets import wake_watchers
from controlplane.ledger.models.asset_watcher import AssetWatcher
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.workload import Workload
from controlplane.runs.pause import set_paused
from controlplane.scheduler.work import work_for
from controlplane.triggerer import events as trigger_events
from taskwire.agent import Operation, Report
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.assets import asset, consumed_by, consumer, events_in, runs_of
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

WATCHER = {"name": "inbox", "classpath": "own.Watches", "kwargs": {"path": "in"}}
A = asset("a", watchers=[WATCHER])


@pytest.fixture(autouse=True)
def _connected() -> None:
    wiring.connect()


def schedule(walk: Walk, *dag_ids: str) -> None:
    """As after a parse of these DAGs: with the handlers of all stations."""
    with tenant_scope(walk.tenant.id):
        wake_watchers(dag_ids=dag_ids, now=utc_now())
    assert walk.leases.take(walk.tenant.id)
    work_for(
        tenant_id=walk.tenant.id, leases=walk.leases, executor=LocalExecutor(), handlers=wiring.ITEM_HANDLERS
    )


def triggers(tenant: Tenant) -> list[Trigger]:
    with tenant_scope(tenant.id):
        return list(Trigger.objects.filter(watcher_id__isnull=False))


def fire(walk: Walk, trigger: Trigger, payload: Any, tenant: Tenant | None = None, **more: Any) -> None:
    operation = Operation(kind="trigger_event", body={"payload": payload, **more})
    walk.report(
        Report(
            id=str(trigger.id),
            tenant_id=str((tenant or walk.tenant).id),
            epoch=trigger.epoch,
            operations=[operation],
        )
    )


def test_an_event_of_the_trigger_is_one_of_the_asset(tenant: Tenant, viewer: Actor) -> None:
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    schedule(walk, "taker")
    (trigger,) = triggers(tenant)
    assert (trigger.classpath, trigger.kwargs, trigger.assets) == (
        "own.Watches",
        {"path": "in"},
        {"a": "s3://a"},
    )
    fire(walk, trigger, {"file": "x"})
    (event,) = events_in(tenant)
    assert event.extra == {"from_trigger": True, "payload": {"file": "x"}}
    assert event.source_dag_id is None
    walk.schedule()
    (run,) = runs_of(tenant, "taker")
    assert consumed_by(tenant, run) == [("a", event.extra)]
    (shown,) = viewer.v2().get("/assets")["assets"]
    assert [watcher["name"] for watcher in shown["watchers"]] == ["inbox"]


def test_a_report_that_is_sent_again_is_no_second_event(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    schedule(walk, "taker")
    (trigger,) = triggers(tenant)
    first, second = uuid4().hex, uuid4().hex
    for key in (first, second, first, second):
        fire(walk, trigger, "came", key=key)
    assert len(events_in(tenant)) == 2
    monkeypatch.setattr(trigger_events, "KEYS", 1)
    fire(walk, trigger, "came", key=uuid4().hex)
    (row,) = triggers(tenant)
    assert row.heard is not None and len(row.heard) == 1
    # The control: without a key, or with one that is forgotten, each report is an event.
    fire(walk, trigger, "came", key=first)
    fire(walk, trigger, "came")
    assert len(events_in(tenant)) == 5


def test_a_failure_is_in_the_event_log_and_the_watcher_goes_on(
    tenant: Tenant, member: Actor, stranger: Actor
) -> None:
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    schedule(walk, "taker")
    (trigger,) = triggers(tenant)
    operation = Operation(kind="trigger_failed", body={"traceback": ["ValueError: no mailbox\n"]})
    said = Report(id=str(trigger.id), tenant_id=str(tenant.id), epoch=trigger.epoch, operations=[operation])
    assert walk.report(said)[0].verdict == "accepted"
    (entry,) = member.v2().get("/eventLogs", {"event": "asset_watcher_failed"})["event_logs"]
    assert "no mailbox" in entry["extra"] and "own.Watches" in entry["extra"]
    assert stranger.v2().get("/eventLogs", {"event": "asset_watcher_failed"})["event_logs"] == []
    with tenant_scope(tenant.id):
        assert Workload.objects.filter(kind="trigger", ref=trigger.id).exists()
    fire(walk, trigger, "came")
    assert len(events_in(tenant)) == 1


def test_equal_triggers_are_one_and_stay_when_nothing_changed(tenant: Tenant) -> None:
    consumer(tenant, "taker", A)
    consumer(tenant, "other", asset("b", watchers=[{**WATCHER, "name": "again"}]))
    walk = walk_for(tenant)
    schedule(walk, "taker", "other")
    (trigger,) = triggers(tenant)
    assert trigger.assets == {"a": "s3://a", "b": "s3://b"}
    schedule(walk, "taker", "other")
    assert [one.id for one in triggers(tenant)] == [trigger.id]
    fire(walk, trigger, 1)
    assert [event.asset.name for event in events_in(tenant)] == ["a", "b"]


def test_a_paused_dag_wants_no_watcher(tenant: Tenant) -> None:
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    schedule(walk, "taker")
    (trigger,) = triggers(tenant)
    for is_paused, count in ((True, 0), (False, 1)):
        with tenant_scope(tenant.id):
            set_paused(dag_id="taker", is_paused=is_paused, now=utc_now())
        schedule(walk)
        assert len(triggers(tenant)) == count
        with tenant_scope(tenant.id):
            assert AssetWatcher.objects.count() == count
    fire(walk, trigger, "late")
    assert events_in(tenant) == []


def test_a_dag_that_no_longer_watches(tenant: Tenant) -> None:
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    schedule(walk, "taker")
    consumer(tenant, "taker", asset("a"))
    schedule(walk, "taker")
    assert triggers(tenant) == []


def test_a_stranger_wakes_no_watcher(tenant: Tenant, other_tenant: Tenant) -> None:
    for one in (tenant, other_tenant):
        consumer(one, "taker", A)
        schedule(walk_for(one), "taker")
    (trigger,) = triggers(tenant)
    fire(walk_for(other_tenant), trigger, "forged", other_tenant)
    assert events_in(tenant) == [] and events_in(other_tenant) == []
    (own,) = triggers(other_tenant)
    assert own.watcher_id == trigger.watcher_id and own.id != trigger.id
