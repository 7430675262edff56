"""Assets ask for runs: conditions, consumed events, places, pauses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_queue import AssetQueue
from controlplane.runs.clear import clear_run
from controlplane.runs.pause import set_paused
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.assets import (
    alias,
    asset,
    both,
    consumed_by,
    consumer,
    either,
    event_of,
    events_in,
    produce,
    producer,
    runs_of,
    succeed,
)
from tests.support.factories import make_tenant
from tests.support.walk import walk_for

pytestmark = pytest.mark.django_db

A, B = asset("a"), asset("b")


def test_an_event_makes_a_run_that_consumes_it(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    made = produce(walk, "maker", A, events=[event_of(A, extra={"rows": 5})])
    (event,) = events_in(tenant)
    assert (event.source_dag_id, event.source_run_id, event.source_task_id, event.source_map_index) == (
        "maker",
        made.run_id,
        "make",
        -1,
    )
    (run,) = runs_of(tenant, "taker")
    assert (run.run_type, run.triggered_by, run.state) == ("asset_triggered", "asset", "running")
    assert (run.logical_date, run.data_interval_start) == (None, None)
    assert run.run_after == event.timestamp
    assert run.run_id.startswith(f"asset_triggered__{event.timestamp.isoformat()}_")
    assert consumed_by(tenant, run) == [("a", {"rows": 5})]
    (work,) = walk.claim()
    assert work.task is not None
    (told,) = work.task.ti_context["dag_run"]["consumed_asset_events"]
    assert (told["asset"], told["extra"]) == ({"name": "a", "uri": "s3://a", "extra": {}}, {"rows": 5})
    assert (told["source_dag_id"], told["source_aliases"]) == ("maker", [])


def test_both_assets_are_waited_for(tenant: Tenant) -> None:
    producer(tenant, "make_a", A)
    producer(tenant, "make_b", B)
    consumer(tenant, "taker", both(A, B))
    walk = walk_for(tenant)
    produce(walk, "make_a", A)
    produce(walk, "make_a", A)
    assert runs_of(tenant, "taker") == []
    produce(walk, "make_b", B)
    (run,) = runs_of(tenant, "taker")
    assert consumed_by(tenant, run) == [("a", {}), ("a", {}), ("b", {})]
    with tenant_scope(tenant.id):
        assert not AssetQueue.objects.exists()


def test_one_of_two_assets_is_enough(tenant: Tenant) -> None:
    producer(tenant, "make_b", B)
    consumer(tenant, "taker", either(A, B))
    walk = walk_for(tenant)
    produce(walk, "make_b", B)
    assert len(runs_of(tenant, "taker")) == 1


def test_a_nested_condition(tenant: Tenant) -> None:
    producer(tenant, "make_a", A)
    producer(tenant, "make_b", B)
    consumer(tenant, "taker", either(asset("c"), both(A, B)))
    walk = walk_for(tenant)
    produce(walk, "make_a", A)
    assert runs_of(tenant, "taker") == []
    produce(walk, "make_b", B)
    assert len(runs_of(tenant, "taker")) == 1


def test_an_alias_is_resolved_by_what_the_task_emits(tenant: Tenant) -> None:
    producer(tenant, "maker", alias("latest"))
    consumer(tenant, "by_alias", alias("latest"))
    consumer(tenant, "by_name", {"type": "ref", "name": "found"})
    walk = walk_for(tenant)
    found = asset("found")
    said = event_of(found, extra={"n": 1}, source_alias_name="latest", dest_asset_extra={"kept": True})
    produce(walk, "maker", alias("latest"), events=[said])
    with tenant_scope(tenant.id):
        made = Asset.objects.get(name="found")
    assert (made.is_active, made.extra, made.group) == (True, {"kept": True}, "asset")
    (run,) = runs_of(tenant, "by_alias")
    assert consumed_by(tenant, run) == [("found", {"n": 1})]
    (work, *_) = [w for w in walk.claim() if w.task and w.task.ti["dag_id"] == "by_alias"]
    assert work.task is not None
    (told,) = work.task.ti_context["dag_run"]["consumed_asset_events"]
    assert told["source_aliases"] == [{"name": "latest"}]
    assert len(runs_of(tenant, "by_name")) == 1


def test_an_alias_without_an_event_emits_nothing(tenant: Tenant) -> None:
    producer(tenant, "maker", alias("latest"))
    consumer(tenant, "taker", alias("latest"))
    walk = walk_for(tenant)
    produce(walk, "maker", alias("latest"))
    assert events_in(tenant) == [] and runs_of(tenant, "taker") == []


def test_references_by_name_and_by_uri(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    producer(tenant, "by_ref", {"type": "ref", "name": "a"})
    consumer(tenant, "by_name", {"type": "ref", "name": "a"})
    consumer(tenant, "by_uri", {"type": "ref", "uri": "s3://a"})
    walk = walk_for(tenant)
    produce(walk, "by_ref", {"type": "ref", "name": "a"}, {"type": "ref", "uri": "s3://a"})
    assert [event.asset.name for event in events_in(tenant)] == ["a", "a"]
    assert len(runs_of(tenant, "by_name")) == 1 and len(runs_of(tenant, "by_uri")) == 1


def test_a_failed_try_emits_nothing_and_a_late_one_neither(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    walk.trigger("maker")
    walk.schedule()
    (work,) = walk.claim()
    assert walk.say(work, "failed").verdict == "accepted"
    assert succeed(walk, work, A).verdict == "refused"
    walk.schedule()
    assert events_in(tenant) == [] and runs_of(tenant, "taker") == []


def test_a_success_told_twice_emits_once(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    walk = walk_for(tenant)
    walk.trigger("maker")
    walk.schedule()
    (work,) = walk.claim()
    assert succeed(walk, work, A).verdict == "accepted"
    assert succeed(walk, work, A).verdict == "accepted"
    assert len(events_in(tenant)) == 1


def test_a_cleared_task_emits_again_and_its_old_try_does_not(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    made = produce(walk, "maker", A, events=[event_of(A, extra={"n": 1})])
    with tenant_scope(tenant.id):
        clear_run(run=made, by="somebody", now=utc_now())
    walk.schedule()
    (work,) = [one for one in walk.claim() if one.task and one.task.ti["dag_id"] == "maker"]
    again = [event_of(A, extra={"n": 2})]
    assert succeed(walk, work, A, events=again).verdict == "accepted"
    walk.schedule()
    assert [event.extra for event in events_in(tenant)] == [{"n": 1}, {"n": 2}]
    assert [consumed_by(tenant, run) for run in runs_of(tenant, "taker")] == [
        [("a", {"n": 1})],
        [("a", {"n": 2})],
    ]


def test_events_of_assets_that_are_no_outlet_are_ignored(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    producer(tenant, "other", B)
    walk = walk_for(tenant)
    produce(walk, "maker", A, events=[event_of(B, extra={"not": "mine"})])
    assert [event.asset.name for event in events_in(tenant)] == ["a"]


def test_a_full_dag_runs_when_a_place_is_free(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    consumer(tenant, "taker", A, max_active_runs=1)
    walk = walk_for(tenant)
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 1})])
    (taking,) = walk.claim()
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 2})])
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 3})])
    assert len(runs_of(tenant, "taker")) == 1
    walk.say(taking, "success")
    walk.schedule()
    first, second = runs_of(tenant, "taker")
    assert first.state == "success"
    assert consumed_by(tenant, second) == [("a", {"n": 2}), ("a", {"n": 3})]


def test_a_paused_dag_hears_nothing_and_keeps_what_it_had(tenant: Tenant) -> None:
    producer(tenant, "make_a", A)
    producer(tenant, "make_b", B)
    consumer(tenant, "taker", both(A, B))
    walk = walk_for(tenant)
    produce(walk, "make_a", A)
    with tenant_scope(tenant.id):
        set_paused(dag_id="taker", is_paused=True, now=utc_now())
    produce(walk, "make_b", B)
    with tenant_scope(tenant.id):
        set_paused(dag_id="taker", is_paused=False, now=utc_now())
    walk.schedule()
    assert runs_of(tenant, "taker") == []
    produce(walk, "make_b", B)
    (run,) = runs_of(tenant, "taker")
    assert [name for name, _ in consumed_by(tenant, run)] == ["a", "b", "b"]


def test_asset_or_time_runs_for_both(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    child = {
        "kind": "cron",
        "expression": "@daily",
        "timezone": "UTC",
        "summary": "@daily",
        "can_be_scheduled": True,
    }
    consumer(
        tenant, "taker", A, timetable={"kind": "asset_or_time", "child": child}, is_paused_upon_creation=False
    )
    walk = walk_for(tenant)
    produce(walk, "maker", A)
    assert [run.run_type for run in runs_of(tenant, "taker")] == ["asset_triggered"]


def test_a_mapped_task_emits_per_index(tenant: Tenant) -> None:
    from tests.support import specs
    from tests.support.factories import parsed_dag

    mapped = specs.task(
        "make",
        is_mapped=True,
        expand={"kind": "product", "names": ["x"], "children": [{"kind": "literal", "length": 3}]},
        outlets=[A],
    )
    parsed_dag(tenant, specs.dag("maker", [mapped]))
    walk = walk_for(tenant)
    walk.trigger("maker")
    walk.schedule()
    for work in walk.claim():
        succeed(walk, work, A)
    assert sorted(event.source_map_index or 0 for event in events_in(tenant)) == [0, 1, 2]


def test_events_before_the_dag_waited_are_not_consumed_without_catchup(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    walk = walk_for(tenant)
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 0})])
    consumer(tenant, "taker", A)
    consumer(tenant, "catching", A, catchup=True)
    produce(walk, "maker", A, events=[event_of(A, extra={"n": 1})])
    assert consumed_by(tenant, runs_of(tenant, "taker")[0]) == [("a", {"n": 1})]
    assert consumed_by(tenant, runs_of(tenant, "catching")[0]) == [("a", {"n": 0}), ("a", {"n": 1})]


def test_the_same_asset_in_two_tenants_is_two_assets(tenant: Tenant) -> None:
    stranger = make_tenant()
    for one in (tenant, stranger):
        producer(one, "maker", A)
        consumer(one, "taker", A)
    produce(walk_for(tenant), "maker", A)
    walk_for(stranger).schedule()
    assert len(runs_of(tenant, "taker")) == 1
    assert runs_of(stranger, "taker") == [] and events_in(stranger) == []


def test_what_a_dag_no_longer_waits_for_is_not_queued_for_it(tenant: Tenant) -> None:
    producer(tenant, "make_a", A)
    producer(tenant, "make_b", B)
    consumer(tenant, "taker", both(A, B))
    walk = walk_for(tenant)
    produce(walk, "make_a", A)
    consumer(tenant, "taker", both(asset("c"), B))
    with tenant_scope(tenant.id):
        assert not AssetQueue.objects.exists()
    consumer(tenant, "taker", both(A, B))
    produce(walk, "make_b", B)
    assert runs_of(tenant, "taker") == []


def test_a_run_ahead_of_the_clock_starts_when_it_is_due(tenant: Tenant) -> None:
    """A door whose clock is ahead times the event later than the scheduler's now."""
    from controlplane.execution import report
    from taskwire.agent import Operation, Report
    from tests.support.assets import outlets_of

    producer(tenant, "maker", A)
    consumer(tenant, "taker", A)
    walk = walk_for(tenant)
    walk.trigger("maker")
    walk.schedule()
    (work,) = walk.claim()
    body = {"state": "success", "end_date": utc_now().isoformat(), "task_outlets": outlets_of(A)}
    told = Report(
        id=work.id,
        tenant_id=str(tenant.id),
        epoch=work.epoch,
        operations=[Operation(kind="state", body=body)],
    )
    with tenant_scope(tenant.id):
        report.apply(reports=[told], now=utc_now() + timedelta(hours=1))
    walk.schedule()
    (run,) = runs_of(tenant, "taker")
    assert run.state == "queued"
    from controlplane.ledger.models.work_item import WorkItem

    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="start_runs", due_at=run.run_after).exists()
