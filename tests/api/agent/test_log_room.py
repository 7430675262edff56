"""A tenant that keeps as many bytes of logs as it may keeps no more: the log says so, and deleting makes room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from api.agent import work
from api.errand_wiring import ERRANDS
from controlplane.execution import log_room, logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.storage_held import StorageHeld
from controlplane.maintenance.keep import keep
from controlplane.maintenance.prune import prune_tenant
from controlplane.maintenance.usage import usage_due
from taskwire.agent import LogBatch, LogResult, LogSegment
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Actor
from tests.support.queries import QueryCounter
from tests.support.scene import Scene, scene

LIMIT = 10_000
ENDS = "The log ends here: the logs of this tenant have"


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "STORE_DIR", tmp_path)
    log_room.forget()
    yield
    log_room.forget()


@pytest.fixture
def it(tenant: Tenant) -> Scene:
    return scene(tenant, specs.task("one"))


def plan(**limits: int) -> None:
    put_plan(name="small", title="", limits=limits, prices={}, is_default=True, by="op", now=utc_now())
    log_room.forget()


def key_of(tenant: Tenant, try_number: int = 1, run_id: str = "r1") -> str:
    names = {"dag_id": "scene", "run_id": run_id, "task_id": "one", "map_index": -1}
    return logs.log_key(tenant_id=tenant.id, try_number=try_number, **names)


def store(it: Scene, tenant: Tenant, key: str, data: bytes, offset: int = 0) -> LogResult:
    agent = it.walk.agent
    segment = LogSegment(
        tenant_id=str(tenant.id), id=str(uuid4()), epoch=1, key=key, offset=offset, data=data
    )
    return work.store_logs(LogBatch(agent_id=str(agent.id), epoch=agent.epoch, segments=[segment]))


def lines(size: int) -> bytes:
    return b"x" * (size - 1) + b"\n"


def text_of(key: str) -> str:
    return logs.read(key=key, limit=10**6).decode()


def count(tenant: Tenant, minutes: int = 0) -> None:
    """What is asked for while tasks end, and what the errand then does."""
    now = utc_now() + timedelta(minutes=minutes)
    with tenant_scope(tenant.id, using="scheduler"):
        usage_due(ref=None, now=now, using="scheduler")
    with tenant_scope(tenant.id):
        asked = list(Errand.objects.filter(kind="count_logs").values_list("ref", flat=True))
        Errand.objects.filter(kind="count_logs").delete()
    for ref in asked:
        assert ERRANDS["count_logs"](tenant_id=tenant.id, ref=ref, now=now) is None
    log_room.forget()


def held(tenant: Tenant) -> list[int]:
    with tenant_scope(tenant.id):
        return list(StorageHeld.objects.filter(kind="log").values_list("bytes", flat=True))


def test_a_log_without_room_ends_once_with_the_reason(
    it: Scene, tenant: Tenant, other_tenant: Tenant
) -> None:
    plan(log_storage_bytes=LIMIT)
    first, second = key_of(tenant), key_of(tenant, 2)
    assert store(it, tenant, first, lines(6000)) == LogResult(stored={first: 6000})
    count(tenant)
    assert held(tenant) == [6000]
    assert store(it, tenant, second, lines(3000)).full == []
    answer = store(it, tenant, second, lines(2000), offset=3000)
    assert answer.full == [second]
    *kept, last = text_of(second).splitlines()
    assert kept == ["x" * 2999] and answer.stored[second] == len(text_of(second))
    said = json.loads(last)
    assert said["event"].startswith(ENDS) and said["level"] == "warning" and said["logger"] == "supervisor"
    assert "log_storage_bytes" in said["event"] and "retention" in said["event"]
    again = store(it, tenant, second, lines(2000), offset=len(text_of(second)))
    assert again.full == [second] and text_of(second).count(ENDS) == 1, "a task that is resumed says it once"
    theirs = key_of(other_tenant)
    assert store(it, other_tenant, theirs, lines(6000)).full == [], "a stranger's logs are his own"


def test_a_line_that_was_cut_is_ended_first(it: Scene, tenant: Tenant) -> None:
    plan(log_storage_bytes=LIMIT)
    key = key_of(tenant)
    store(it, tenant, key, b"half of a line")
    store(it, tenant, key, lines(LIMIT), offset=14)
    half, last = text_of(key).splitlines()
    assert half == "half of a line" and json.loads(last)["event"].startswith(ENDS)


def test_without_a_limit_nothing_is_refused_counted_or_asked_for(it: Scene, tenant: Tenant) -> None:
    key = key_of(tenant)
    assert store(it, tenant, key, lines(20 * LIMIT)).full == []
    count(tenant)
    assert held(tenant) == []
    with tenant_scope(tenant.id):
        assert not Errand.objects.filter(kind="count_logs").exists()


def test_a_tenant_that_is_gone_holds_up_nobodys_logs(it: Scene, tenant: Tenant) -> None:
    gone = Tenant(id=uuid4(), slug="gone")
    agent = it.walk.agent
    segments = [
        LogSegment(
            tenant_id=str(one.id), id=str(uuid4()), epoch=1, key=key_of(one), offset=0, data=lines(100)
        )
        for one in (gone, tenant)
    ]
    answer = work.store_logs(LogBatch(agent_id=str(agent.id), epoch=agent.epoch, segments=segments))
    assert answer == LogResult(stored={key_of(gone): 100, key_of(tenant): 100})


def test_it_is_read_every_few_seconds_and_counted_every_few_minutes(
    it: Scene, tenant: Tenant, count_queries: QueryCounter
) -> None:
    plan(log_storage_bytes=LIMIT)
    key = key_of(tenant)
    store(it, tenant, key, lines(100))
    with count_queries(1):  # which agent it is
        store(it, tenant, key, lines(100), offset=100)
    count(tenant)
    store(it, tenant, key, lines(100), offset=200)
    count(tenant, minutes=4)
    assert held(tenant) == [200]
    count(tenant, minutes=6)
    assert held(tenant) == [300]


def test_what_retention_deletes_makes_room_at_once(it: Scene, tenant: Tenant) -> None:
    plan(log_storage_bytes=LIMIT)
    it.begin().end("one", "success")
    it.propagate("one")
    it.execute("finish_runs", runs=[it.run.id], now=utc_now())
    key = key_of(tenant, run_id=it.run.run_id)
    store(it, tenant, key, lines(6000))
    count(tenant)
    later = utc_now() + timedelta(days=10)
    with tenant_scope(tenant.id):
        keep(days={"logs_days": 7}, now=later)
    refused = store(it, tenant, key_of(tenant, 2), lines(6000))
    assert refused.full == [key_of(tenant, 2)]
    prune_tenant(tenant_id=tenant.id, ref=tenant.id, now=later)
    log_room.forget()
    assert held(tenant) == list(refused.stored.values()), "the reason alone"
    assert store(it, tenant, key_of(tenant, 3), lines(6000)).full == []


def test_the_limits_tell_how_much_is_kept(it: Scene, tenant: Tenant, member: Actor) -> None:
    plan(log_storage_bytes=LIMIT)
    store(it, tenant, key_of(tenant), lines(1234))
    count(tenant)
    answer = member.portal().get(f"/tenants/{tenant.slug}/limits").body
    row = next(one for one in answer["limits"] if one["name"] == "log_storage_bytes")
    assert (row["value"], row["used"]) == (LIMIT, 1234)
