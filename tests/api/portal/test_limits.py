"""GET, PATCH /tenants/{slug}/limits; …/pools/{name}/pace; /operators/plans; /operators/tenants/{slug}/quota."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.ledger.models.pool import Pool
from tenants.limits.published import LIMITS
from tenants.models.tenant import Tenant
from tenants.models.tenant_quota import TenantQuota
from tenants.models.user import User
from tenants.scope import tenant_scope
from tests.support.actors import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(stranger: Actor) -> Actor:
    """Runs the platform; belongs to another tenant."""
    User.objects.using("auth").filter(id=stranger.user.id).update(is_operator=True)
    return stranger


def _limit(answer: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in answer["limits"] if one["name"] == name)
    return found


def test_what_holds_and_whose_it_is(tenant: Tenant, operator: Actor, member: Actor, viewer: Actor) -> None:
    at = f"/tenants/{tenant.slug}/limits"
    before = viewer.portal().get(at)
    assert (before.status, before["plan"]) == (200, None)
    assert [one["name"] for one in before["limits"]] == [limit.name for limit in LIMITS]
    assert _limit(before, "concurrent_tasks")["source"] == "own"
    ops = operator.portal()
    plan = {"title": "Team", "limits": {"concurrent_tasks": 100, "dags": 10}, "prices": {"task_hour": 5}}
    assert ops.call("PUT", "/operators/plans/team", plan).status == 200
    quota = {"plan": "team", "overrides": {"dags": 20}, "reason": "a pilot"}
    assert ops.call("PUT", f"/operators/tenants/{tenant.slug}/quota", quota).status == 204
    seen = viewer.portal().get(at)
    assert seen["plan"] == "team"
    assert (_limit(seen, "dags")["value"], _limit(seen, "dags")["source"]) == (20, "override")
    assert (_limit(seen, "concurrent_tasks")["value"], _limit(seen, "concurrent_tasks")["source"]) == (
        100,
        "plan",
    )
    mine = member.portal().patch(at, {"limits": {"concurrent_tasks": 7, "backfill_share": 0.25}})
    assert mine.status == 200
    found = _limit(mine, "concurrent_tasks")
    assert (found["value"], found["source"], found["bound"]) == (7, "own", 100)
    taken_back = member.portal().patch(at, {"limits": {"backfill_share": None}})
    assert _limit(taken_back, "backfill_share")["value"] is None


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"concurrent_tasks": 101}, "concurrent_tasks"),
        ({"concurrent_tasks": 0}, "concurrent_tasks"),
        ({"concurrent_tasks": True}, "concurrent_tasks"),
        ({"concurrent_tasks": None}, "concurrent_tasks"),
        ({"concurrent_tasks": "7"}, "concurrent_tasks"),
        ({"backfill_share": 1.5}, "backfill_share"),
        ({"dags": 5}, "dags"),
        ({"nothing": 5}, "nothing"),
        ({"retries_per_hour": 4, "nothing": 5}, "nothing"),
    ],
)
def test_what_cannot_be_set(
    tenant: Tenant, operator: Actor, member: Actor, limits: dict[str, Any], field: str
) -> None:
    operator.portal().call(
        "PUT", "/operators/plans/team", {"limits": {"concurrent_tasks": 100}, "is_default": True}
    )
    at = f"/tenants/{tenant.slug}/limits"
    before = member.portal().get(at)
    seen = member.portal().patch(at, {"limits": limits})
    assert (seen.status, seen["code"], list(seen["errors"])) == (422, "limit-invalid", [field])
    assert member.portal().get(at).body == before.body, "nothing changed"
    assert member.portal().patch(at, {"limits": {}}).status == 422
    assert member.portal().patch(at, {}).status == 422


def test_other_roles_and_strangers(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    at = f"/tenants/{tenant.slug}/limits"
    body = {"limits": {"concurrent_tasks": 7}}
    assert viewer.portal().patch(at, body)["code"] == "permission-missing"
    absent = stranger.portal().patch("/tenants/none/limits", body)
    seen = stranger.portal().patch(at, body)
    assert (seen.status, seen["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    assert stranger.portal().get(at).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/operators/plans"),
        ("PUT", "/operators/plans/team"),
        ("DELETE", "/operators/plans/team"),
        ("PUT", "/operators/tenants/alpha/quota"),
    ],
)
def test_only_operators_see_plans(
    tenant: Tenant, member: Actor, stranger: Actor, method: str, path: str
) -> None:
    """An owner of the tenant is no operator."""
    for who in (member, stranger):
        seen = who.portal().call(method, path, {"plan": None, "overrides": {"dags": 1}, "reason": "mine"})
        assert (seen.status, seen["code"]) == (404, "not-found")
    with tenant_scope(tenant.id):
        assert not TenantQuota.objects.exists()


def test_a_plans_life(tenant: Tenant, operator: Actor) -> None:
    ops = operator.portal()
    one = {"limits": {"dags": 1}, "prices": {"cpu_hour": 9}, "is_default": True}
    assert ops.call("PUT", "/operators/plans/one", one)["is_default"] is True
    assert ops.call("PUT", "/operators/plans/two", {"is_default": True})["is_default"] is True
    assert [(p["name"], p["is_default"]) for p in ops.get("/operators/plans")["plans"]] == [
        ("one", False),
        ("two", True),
    ]
    for body, field in (
        ({"limits": {"dagz": 1}}, "dagz"),
        ({"limits": {"dags": -1}}, "dags"),
        ({"prices": {"task_hour": 0.5}}, "task_hour"),
        ({"prices": {"hour": 1}}, "hour"),
        ({"currency": "eur"}, "currency"),
    ):
        seen = ops.call("PUT", "/operators/plans/one", body)
        assert (seen.status, list(seen["errors"])) == (422, [field])
    assert ops.get("/operators/plans")["plans"][0]["limits"] == {"dags": 1}, "nothing changed"
    assert ops.delete("/operators/plans/one").status == 204
    assert ops.delete("/operators/plans/one").status == 404
    at = f"/operators/tenants/{tenant.slug}/quota"
    gone = ops.call("PUT", at, {"plan": "one", "overrides": {}, "reason": "x"})
    assert (gone.status, gone["code"]) == (422, "plan-unknown")
    assert ops.call("PUT", at, {"plan": None, "overrides": {}, "reason": " "}).status == 422
    assert ops.call("PUT", "/operators/tenants/none/quota", {"plan": None, "reason": "x"}).status == 404


def test_a_pools_pace(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="a/b", slots=3)
    at = f"/tenants/{tenant.slug}/pools/a/b/pace"
    made = member.portal().call("PUT", at, {"starts_per_minute": 60})
    assert made.body == {"pool": "a/b", "starts_per_minute": 60, "started_last_minute": 0}
    assert viewer.portal().get(at)["starts_per_minute"] == 60
    assert viewer.portal().call("PUT", at, {"starts_per_minute": 1}).status == 403
    assert stranger.portal().call("PUT", at, {"starts_per_minute": 1}).status == 404
    assert stranger.portal().get(at).status == 404
    for wrong in (0, -1, "x", 10**9):
        assert member.portal().call("PUT", at, {"starts_per_minute": wrong}).status == 422
    assert member.portal().call("PUT", at, {}).status == 422
    assert viewer.portal().get(at)["starts_per_minute"] == 60
    assert member.portal().call("PUT", at, {"starts_per_minute": None})["starts_per_minute"] is None
    assert member.portal().get(f"/tenants/{tenant.slug}/pools/none/pace").status == 404
