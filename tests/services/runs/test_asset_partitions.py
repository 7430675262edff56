"""Partitioned assets ask for one run per partition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controlplane.ledger.models.asset_partition_key import AssetPartitionKey
from controlplane.ledger.models.event_log import EventLog
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.assets import asset, both, consumed_by, consumer, event_of, produce, producer, runs_of
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

A, B = asset("a"), asset("b")
MAPPERS = "airflow.partition_mappers."
IDENTITY = {"__type": f"{MAPPERS}identity.IdentityMapper", "__var": {}}
DAILY = {
    "__type": f"{MAPPERS}temporal.StartOfDayMapper",
    "__var": {"timezone": "UTC", "input_format": "%Y-%m-%dT%H", "output_format": "%Y-%m-%d"},
}
WHOLE_DAY = {
    "__type": f"{MAPPERS}base.RollupMapper",
    "__var": {
        "upstream_mapper": DAILY,
        "window": {"__type": f"{MAPPERS}window.DayWindow", "__var": {"direction": "forward"}},
        "wait_policy": {"__type": f"{MAPPERS}wait_policy.MinimumCount", "__var": {"n": 2}},
    },
}


def partitioned(tenant: Tenant, condition: dict[str, Any], mapper: Any = None, mappers: Any = ()) -> None:
    timetable = {
        "kind": "partition_asset",
        "partition": {"default_mapper": mapper or IDENTITY, "mappers": list(mappers)},
    }
    consumer(tenant, "taker", condition, timetable=timetable)


def emit(walk: Walk, which: dict[str, Any], *keys: str, dag_id: str = "maker") -> None:
    produce(walk, dag_id, which, events=[event_of(which, partition_key=key) for key in keys])


def test_each_key_gets_a_run(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    partitioned(tenant, A)
    consumer(tenant, "plain", A)
    walk = walk_for(tenant)
    emit(walk, A, "x", "y", "x")
    runs = runs_of(tenant, "taker")
    assert [(run.partition_key, run.run_type, run.state) for run in runs] == [
        ("x", "asset_triggered", "running"),
        ("y", "asset_triggered", "running"),
    ]
    assert [len(consumed_by(tenant, run)) for run in runs] == [2, 1]
    assert runs_of(tenant, "plain") == []  # as in Airflow: events of partitions are for partitioned DAGs
    emit(walk, A, "x")
    assert [run.partition_key for run in runs_of(tenant, "taker")] == ["x", "y", "x"]


def test_both_assets_of_one_partition_are_waited_for(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    producer(tenant, "other", B)
    partitioned(tenant, both(A, B))
    walk = walk_for(tenant)
    emit(walk, A, "x")
    emit(walk, B, "y", dag_id="other")
    assert runs_of(tenant, "taker") == []
    emit(walk, B, "x", dag_id="other")
    (run,) = runs_of(tenant, "taker")
    assert (run.partition_key, [name for name, _ in consumed_by(tenant, run)]) == ("x", ["a", "b"])


def test_a_rollup_waits_for_enough_of_its_window(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    partitioned(tenant, A, mappers=[{"asset": A, "mapper": WHOLE_DAY}])
    walk = walk_for(tenant)
    emit(walk, A, "2024-03-13T10")
    emit(walk, A, "2024-03-13T10", "2024-03-14T00")
    assert runs_of(tenant, "taker") == []
    emit(walk, A, "2024-03-13T11")
    (run,) = runs_of(tenant, "taker")
    assert (run.partition_key, run.partition_date) == ("2024-03-13", datetime(2024, 3, 13, tzinfo=UTC))
    assert len(consumed_by(tenant, run)) == 3


def test_changed_mappers_drop_what_waited_by_the_old_ones(tenant: Tenant) -> None:
    producer(tenant, "maker", A)
    producer(tenant, "other", B)
    partitioned(tenant, both(A, B))
    walk = walk_for(tenant)
    emit(walk, A, "2024-03-13T10")
    partitioned(tenant, both(A, B), mapper=DAILY)
    emit(walk, B, "2024-03-13T10", dag_id="other")
    assert runs_of(tenant, "taker") == []
    with tenant_scope(tenant.id):
        assert list(AssetPartitionKey.objects.values_list("target_key", flat=True)) == ["2024-03-13"]
    emit(walk, A, "2024-03-13T22")
    assert [run.partition_key for run in runs_of(tenant, "taker")] == ["2024-03-13"]


@pytest.mark.parametrize(
    ("mapper", "key", "event"),
    [
        (None, None, "missing partition key"),
        (DAILY, "odd", "failed to map partition_key"),
        ({"__type": "mine.Mapper", "__var": {}}, "x", "failed to map partition_key"),
    ],
)
def test_what_starts_nothing_is_told(tenant: Tenant, mapper: Any, key: str | None, event: str) -> None:
    producer(tenant, "maker", A)
    partitioned(tenant, A, mapper=mapper)
    walk = walk_for(tenant)
    produce(walk, "maker", A, events=[event_of(A, partition_key=key)])
    assert runs_of(tenant, "taker") == []
    with tenant_scope(tenant.id):
        (entry,) = EventLog.objects.all()
    assert (entry.event, entry.dag_id, entry.task_id) == (event, "maker", "make")
    assert "taker" in entry.extra


def test_a_partitioned_run_hands_its_key_and_date_on(tenant: Tenant) -> None:
    """The consumer's own run has a partition; what it emits is for the same one."""
    from tests.support import specs
    from tests.support.factories import parsed_dag

    producer(tenant, "maker", A)
    timetable = {
        "kind": "partition_asset",
        "condition": A,
        "partition": {"default_mapper": DAILY, "mappers": []},
    }
    parsed_dag(tenant, specs.dag("taker", [specs.task("pass_on", outlets=[B])], timetable=timetable))
    last = {"kind": "partition_asset", "partition": {"default_mapper": IDENTITY, "mappers": []}}
    consumer(tenant, "last", B, timetable=last)
    walk = walk_for(tenant)
    emit(walk, A, "2024-03-13T10")
    (work,) = walk.claim()
    from tests.support.assets import succeed

    succeed(walk, work, B)
    walk.schedule()
    (run,) = runs_of(tenant, "last")
    assert (run.partition_key, run.partition_date) == ("2024-03-13", datetime(2024, 3, 13, tzinfo=UTC))
