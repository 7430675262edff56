"""A tenant that keeps as many bytes of XComs as it may writes no more: the reason is told, and deleting makes room."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test.utils import CaptureQueriesContext

from controlplane.execution import xcom_room
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.storage_held import StorageHeld
from controlplane.ledger.models.xcom import XCom
from controlplane.maintenance import prune
from controlplane.maintenance.keep import keep
from controlplane.maintenance.usage import usage_due
from taskwire.agent import Operation
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Door
from tests.support.attempts import running_try
from tests.support.factories import created_run, parsed_dag
from tests.support.walk import walk_for

PATH = "xcoms/example/r1/first/"
LIMIT = 10_000


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)
    xcom_room.forget()
    yield
    xcom_room.forget()


def plan(**limits: int) -> None:
    put_plan(name="small", title="", limits=limits, prices={}, is_default=True, by="op", now=utc_now())
    xcom_room.forget()


def count(tenant: Tenant, after_minutes: int = 2) -> None:
    """What the scheduler does once a minute while tasks end; and the next look of this process comes at once."""
    with tenant_scope(tenant.id, using="scheduler"):
        usage_due(ref=None, now=utc_now() + timedelta(minutes=after_minutes), using="scheduler")
    xcom_room.forget()


def put(door: Door, key: str, size: int) -> Any:
    return door.call("POST", PATH + key, "x" * (size - 2))


def held(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant.id):
        return list(StorageHeld.objects.values_list("bytes", flat=True))


def keys(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return sorted(XCom.objects.values_list("key", flat=True))


def test_a_write_beyond_the_limit_is_refused_and_says_what_to_do(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    plan(xcom_bytes=LIMIT)
    door = running_try(tenant, run_id="r1").door()
    assert put(door, "one", 6000).status == 201
    count(tenant)
    assert held(tenant) == [6000]
    answer = put(door, "two", 5000)
    assert (answer.status, answer["detail"]["reason"]) == (413, "xcoms_full")
    assert "xcom_bytes" in answer["detail"]["message"] and "retention" in answer["detail"]["message"]
    assert put(door, "three", 3000).status == 201
    assert keys(tenant) == ["one", "three"]
    theirs = running_try(other_tenant, run_id="r1").door()
    assert put(theirs, "two", 5000).status == 201


def test_what_this_process_wrote_counts_before_it_is_counted(tenant: Tenant) -> None:
    plan(xcom_bytes=LIMIT)
    door = running_try(tenant, run_id="r1").door()
    assert [put(door, key, 4000).status for key in ("a", "b", "c")] == [201, 201, 413]


def test_a_task_hears_it_and_nothing_of_its_report_is_written(tenant: Tenant) -> None:
    plan(xcom_bytes=LIMIT)
    parsed_dag(tenant, specs.dag("large", [specs.task("one"), specs.task("two")]))
    walk = walk_for(tenant)
    walk.trigger("large")
    walk.schedule()
    one, two = walk.claim()
    push = Operation(kind="xcom_set", body={"key": "k", "value": "x" * 8000})
    assert walk.say(one, "success", push).verdict == "accepted"
    refused = walk.say(two, "success", push)
    assert (refused.verdict, refused.reason) == ("refused", "invalid")
    assert "it may keep 0.0 MiB of them (xcom_bytes)" in refused.message
    assert len(keys(tenant)) == 1
    assert walk.say(two, "failed").verdict == "accepted"


def test_without_a_limit_nothing_is_counted(tenant: Tenant) -> None:
    door = running_try(tenant, run_id="r1").door()
    assert put(door, "one", 500_000).status == 201
    count(tenant)
    assert held(tenant) == []
    with tenant_scope(tenant.id), CaptureQueriesContext(connections["default"]) as seen:
        for _ in range(5):
            xcom_room.take_room(size=10**12)
    assert len(seen) == 1, "it is read once in a few seconds"


def test_large_ones_count_where_they_are_kept(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "XCOM_INLINE_BYTES", 1000)
    monkeypatch.setattr(settings, "XCOM_OVER_INLINE", "spill")
    plan(xcom_bytes=LIMIT)
    door = running_try(tenant, run_id="r1").door()
    assert put(door, "one", 9000).status == 201
    count(tenant)
    assert held(tenant) == [9000]
    assert put(door, "two", 2000).status == 413


def test_it_is_counted_once_a_minute(tenant: Tenant) -> None:
    plan(xcom_bytes=LIMIT)
    door = running_try(tenant, run_id="r1").door()
    count(tenant, 0)
    put(door, "one", 3000)
    count(tenant, 0)
    assert held(tenant) == [0]
    count(tenant, 2)
    assert held(tenant) == [3000]


def test_what_pruning_deleted_makes_room_at_once(tenant: Tenant) -> None:
    plan(xcom_bytes=LIMIT)
    now = utc_now()
    old = created_run(tenant, parsed_dag(tenant, specs.dag("etl", [specs.task("only")])), run_id="old")
    with tenant_scope(tenant.id):
        then = now - timedelta(days=9)
        DagRun.objects.filter(id=old.id).update(state="success", run_after=then, end_date=then)
        XCom(
            tenant_id=tenant.id, dag_run_id=old.id, dag_id="etl", run_id="old", task_id="only", key="k", value=1,
            bytes=LIMIT, timestamp=then,
        ).save(force_insert=True)  # fmt: skip
    count(tenant)
    door = running_try(tenant, run_id="r1").door()
    assert put(door, "one", 100).status == 413
    with tenant_scope(tenant.id):
        keep(days={"xcoms_days": 7}, now=now)
    prune.prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=now)
    xcom_room.forget()
    assert held(tenant) == [0]
    assert put(door, "one", 100).status == 201


def test_the_count_reads_rows_alone(tenant: Tenant) -> None:
    plan(xcom_bytes=LIMIT)
    with tenant_scope(tenant.id), CaptureQueriesContext(connections["default"]) as seen:
        execute("maintenance/sql/count_held.sql", now=utc_now(), anyway=False)
    assert len(seen) == 1
