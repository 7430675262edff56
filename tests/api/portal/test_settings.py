"""GET, PATCH /tenants/{slug}/settings, and that each setting does what it says, without a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from api.agent.wiring import ITEM_HANDLERS
from controlplane.dagprocessor.dispatch import dispatch_parse
from controlplane.dagprocessor.store import store_report
from controlplane.dagprocessor.workload import parse_workload
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.ledger.external import lose_silent
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload
from controlplane.scheduler.lease import Leases
from controlplane.scheduler.work import work_for
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tenants.tuning import KNOBS
from tests.support.actors import Actor
from tests.support.attempts import running_try
from tests.support.audit_rows import audit_rows
from tests.support.bundles import parsed, report_for
from tests.support.deployments import push
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def leases() -> Leases:
    """Of one scheduler."""
    return Leases()


def path(slug: str) -> str:
    return f"/tenants/{slug}/settings"


def change(member: Actor, tenant: Tenant, **settings: Any) -> dict[str, Any]:
    answer = member.portal().patch(path(tenant.slug), {"settings": settings})
    assert answer.status == 200, answer.body
    return {one["name"]: one for one in answer["settings"]}


def items(tenant: Tenant, kind: str) -> list[WorkItem]:
    with tenant_scope(tenant.id):
        return list(WorkItem.objects.filter(kind=kind))


def test_what_holds_and_who_may_change_it(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    seen = viewer.portal().get(path(tenant.slug))
    assert [one["name"] for one in seen["settings"]] == [knob.name for knob in KNOBS]
    assert [one["value"] for one in seen["settings"]] == [knob.default for knob in KNOBS]
    body = {"settings": {"parse_timeout_seconds": 60}}
    refused = viewer.portal().patch(path(tenant.slug), body)
    assert (refused.status, refused["code"]) == (403, "permission-missing")
    for method in ("get", "patch"):
        more = () if method == "get" else (body,)
        heard = getattr(stranger.portal(), method)(path(tenant.slug), *more)
        absent = getattr(stranger.portal(), method)(path("nothing"), *more)
        assert (heard.status, heard["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    changed = change(member, tenant, parse_timeout_seconds=60, dags_paused_at_creation=True)
    assert (changed["parse_timeout_seconds"]["value"], changed["parse_timeout_seconds"]["is_set"]) == (
        60,
        True,
    )
    assert changed["heartbeat_timeout_seconds"]["value"] == 300, "what is not named stays"
    [row] = audit_rows(tenant, action="tenant.settings.changed")
    assert row["before"] == {"parse_timeout_seconds": 30, "dags_paused_at_creation": False}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"parse_interval_seconds": 29}, "parse_interval_seconds"),
        ({"parse_interval_seconds": 7 * 86_400 + 1}, "parse_interval_seconds"),
        ({"parse_interval_seconds": True}, "parse_interval_seconds"),
        ({"parse_timeout_seconds": None}, "parse_timeout_seconds"),
        ({"parse_timeout_seconds": 0}, "parse_timeout_seconds"),
        ({"parse_timeout_seconds": 1.5}, "parse_timeout_seconds"),
        ({"heartbeat_timeout_seconds": "60"}, "heartbeat_timeout_seconds"),
        ({"heartbeat_timeout_seconds": 3601}, "heartbeat_timeout_seconds"),
        ({"dags_paused_at_creation": 1}, "dags_paused_at_creation"),
        ({"parse_timeout_seconds": 60, "limits": {"dags": 5}}, "limits"),
        ({"preview_of": "x"}, "preview_of"),
        ({}, "settings"),
    ],
)
def test_what_cannot_be_set(tenant: Tenant, member: Actor, settings: dict[str, Any], field: str) -> None:
    before = member.portal().get(path(tenant.slug)).body
    refused = member.portal().patch(path(tenant.slug), {"settings": settings})
    assert (refused.status, list(refused["errors"])) == (422, [field])
    assert member.portal().get(path(tenant.slug)).body == before, "nothing changed"


def test_files_are_parsed_again_by_the_interval_and_no_longer(
    tenant: Tenant, member: Actor, leases: Leases
) -> None:
    bundle = push(tenant, "one")
    change(member, tenant, parse_interval_seconds=60)
    [item] = items(tenant, "reparse")
    assert timedelta(seconds=50) < item.due_at - utc_now() <= timedelta(seconds=60)
    change(member, tenant, parse_interval_seconds=120)
    [item] = items(tenant, "reparse")
    assert item.due_at - utc_now() > timedelta(seconds=110), "one item, from now"
    over(tenant, leases)
    with tenant_scope(tenant.id):
        assert not FileParse.objects.exists(), "nothing is reused"
    assert ordered(tenant) == [bundle.id]
    assert len(items(tenant, "reparse")) == 1, "and once more"
    over(tenant, leases)
    assert ordered(tenant) == [bundle.id], "it is under way"
    with tenant_scope(tenant.id):
        report = report_for(bundle, parsed("dags/a.py", chain("a", 3)))
        store_report(bundle_id=bundle.id, report=report, now=utc_now())
        newest = DagVersion.objects.get(id=Dag.objects.get(dag_id="a").current_version_id)
    assert newest.version_number == 2, "what the file gives now is in force"
    change(member, tenant, parse_interval_seconds=None)
    assert items(tenant, "reparse") == []


def over(tenant: Tenant, leases: Leases) -> None:
    """The interval is over, and the scheduler does what is due."""
    with tenant_scope(tenant.id):
        WorkItem.objects.filter(kind="reparse").update(due_at=utc_now() - timedelta(seconds=1))
    assert leases.take(tenant.id)
    for _ in range(2):  # what the first round asks for, the second does
        work_for(tenant_id=tenant.id, leases=leases, executor=LocalExecutor(), handlers=ITEM_HANDLERS)


def ordered(tenant: Tenant) -> list[UUID]:
    """The bundle versions that agents are to parse."""
    with tenant_scope(tenant.id):
        return list(Workload.objects.filter(kind="parse").values_list("ref", flat=True))


def test_the_plan_bounds_the_interval_before_and_after(tenant: Tenant, member: Actor, leases: Leases) -> None:
    change(member, tenant, parse_interval_seconds=60)
    put_plan(
        name="small",
        title="",
        limits={"parses_per_hour": 7},
        prices={},
        is_default=True,
        by="op",
        now=utc_now(),
    )
    seen = {one["name"]: one for one in member.portal().get(path(tenant.slug))["settings"]}
    assert (seen["parse_interval_seconds"]["value"], seen["parse_interval_seconds"]["least"]) == (515, 515)
    refused = member.portal().patch(path(tenant.slug), {"settings": {"parse_interval_seconds": 514}})
    assert (refused.status, refused["code"]) == (422, "setting-invalid")
    over(tenant, leases)
    [item] = items(tenant, "reparse")
    assert item.due_at - utc_now() > timedelta(seconds=500)


def test_how_long_a_file_may_take_to_load(tenant: Tenant, member: Actor) -> None:
    bundle = push(tenant, "one")
    change(member, tenant, parse_timeout_seconds=7)
    with tenant_scope(tenant.id):
        BundleVersion.objects.filter(id=bundle.id).update(state="received")
        FileParse.objects.all().delete()
        assert dispatch_parse(bundle_id=bundle.id, now=utc_now()) is not None
        order = parse_workload(bundle=BundleVersion.objects.get(id=bundle.id)).parse
    assert order is not None
    assert order.file_timeout_seconds == 7.0


def test_how_long_a_supervisor_may_be_silent_also_of_tasks_that_run(tenant: Tenant, member: Actor) -> None:
    attempt = running_try(tenant)
    [watched] = items(tenant, "silent")
    assert watched.due_at - utc_now() > timedelta(seconds=200)
    change(member, tenant, heartbeat_timeout_seconds=30)
    [watched] = items(tenant, "silent")
    assert watched.due_at <= utc_now() + timedelta(seconds=1), "it is looked at now"
    with tenant_scope(tenant.id):
        soon, late = utc_now() + timedelta(seconds=10), utc_now() + timedelta(seconds=40)
        assert lose_silent(ids=[attempt.id], now=soon, using="default") == set()
        assert lose_silent(ids=[attempt.id], now=late, using="default") == {(attempt.id, attempt.epoch)}


def test_new_dags_begin_paused(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one", dag_id="old")
    change(member, tenant, dags_paused_at_creation=True)
    push(tenant, "two", dag_id="new")
    with tenant_scope(tenant.id):
        assert dict(Dag.objects.values_list("dag_id", "is_paused")) == {"old": False, "new": True}
