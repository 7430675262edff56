"""GET, PUT /organisations/{id}/plan; GET, PUT /operators/organisations/{id}/quota: what holds for its tenants."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from tenants.limits import api_requests
from tenants.limits.published import LIMITS
from tenants.limits.read import read_quota
from tenants.models.organisation_member import OrganisationMember
from tenants.models.organisation_quota import OrganisationQuota
from tenants.models.tenant import Tenant
from tenants.models.tenant_quota import TenantQuota
from tenants.models.user import User
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.audit_rows import platform_rows
from tests.support.factories import make_person, make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(database: None) -> Actor:
    user = make_person("olga")
    User.objects.using("auth").filter(id=user.id).update(is_operator=True)
    return Actor(user=user, tenant=Tenant(slug="none"), role="")


@pytest.fixture
def person(tenant: Tenant) -> Callable[[str], Actor]:
    """`person("Billing")`: somebody new in that role of the tenant's organisation."""

    def make(role: str) -> Actor:
        user = make_person()
        row = OrganisationMember(organisation_id=tenant.organisation_id, user=user, role=role)
        row.save(using="auth", force_insert=True)
        return Actor(user=user, tenant=Tenant(slug="none"), role=role)

    return make


@pytest.fixture
def plans(operator: Actor) -> None:
    put(operator, "plans/free", {"limits": {"dags": 3, "api_requests_per_minute": 60}, "is_default": True})
    put(operator, "plans/team", {"limits": {"dags": 30, "concurrent_tasks": 64}, "is_offered": True})
    put(operator, "plans/huge", {"limits": {"dags": 3000}})


def put(operator: Actor, path: str, body: dict[str, Any]) -> Any:
    answer = operator.portal().call("PUT", f"/operators/{path}", body)
    assert answer.status in (200, 204), answer.body
    return answer


def path(tenant: Tenant) -> str:
    return f"/organisations/{tenant.organisation_id}/plan"


def limit(actor: Actor, tenant: Tenant, name: str) -> tuple[Any, str]:
    found = actor.portal().get(f"/tenants/{tenant.slug}/limits")
    one = next(one for one in found["limits"] if one["name"] == name)
    return one["value"], one["source"]


def test_whose_each_limit_is(tenant: Tenant, operator: Actor, viewer: Actor, plans: None) -> None:
    at = f"organisations/{tenant.organisation_id}/quota"
    assert limit(viewer, tenant, "dags") == (3, "plan")
    given = put(operator, at, {"plan": "team", "overrides": {"retries_per_hour": 9}, "reason": "a contract"})
    assert (given["plan"], given["overrides"]) == ("team", {"retries_per_hour": 9})
    assert limit(viewer, tenant, "dags") == (30, "organisation")
    assert limit(viewer, tenant, "retries_per_hour") == (9, "organisation")
    seen = viewer.portal().get(f"/tenants/{tenant.slug}/limits")
    assert (seen["plan"], seen["plan_source"]) == ("team", "organisation")
    put(operator, f"tenants/{tenant.slug}/quota", {"plan": None, "overrides": {"dags": 7}, "reason": "x"})
    assert limit(viewer, tenant, "dags") == (7, "override")
    assert limit(viewer, tenant, "concurrent_tasks") == (64, "organisation")
    put(operator, f"tenants/{tenant.slug}/quota", {"plan": "huge", "overrides": {}, "reason": "x"})
    assert limit(viewer, tenant, "dags") == (3000, "plan")
    assert limit(viewer, tenant, "retries_per_hour") == (9, "organisation"), "beside whatever plan"
    put(operator, at, {"plan": None, "overrides": {"dags": None}, "reason": "x"})
    assert limit(viewer, tenant, "dags") == (None, "none"), "null is no limit"


def test_an_owner_chooses_what_is_offered(
    tenant: Tenant, operator: Actor, person: Callable[[str], Actor], viewer: Actor, plans: None
) -> None:
    owner = person("Owner")
    seen = owner.portal().get(path(tenant))
    assert (seen["plan"]["name"], seen["plan_source"]) == ("free", "default")
    assert [plan["name"] for plan in seen["offered"]] == ["team"]
    chosen = owner.portal().call("PUT", path(tenant), {"plan": "team"})
    assert (chosen.status, chosen["plan"]["name"], chosen["plan_source"]) == (200, "team", "organisation")
    assert limit(viewer, tenant, "dags") == (30, "organisation")
    row = platform_rows(target=f"organisation:{tenant.organisation_id}")[-1]
    assert (row["action"], row["before"], row["after"]) == (
        "organisation.plan.chosen",
        {"plan": None},
        {"plan": "team"},
    )
    for wrong in ("huge", "nothing", "", 5):
        refused = owner.portal().call("PUT", path(tenant), {"plan": wrong})
        assert (refused.status, list(refused["errors"])) == (422, ["plan"])
    assert owner.portal().call("PUT", path(tenant), {}).status == 422
    assert limit(viewer, tenant, "dags") == (30, "organisation"), "nothing changed"
    put(operator, "plans/team", {"limits": {"dags": 31}})
    assert owner.portal().call("PUT", path(tenant), {"plan": "team"}).status == 200, "one keeps what one has"
    assert owner.portal().call("PUT", path(tenant), {"plan": None})["plan_source"] == "default"


def test_other_roles_and_strangers(
    tenant: Tenant, person: Callable[[str], Actor], stranger: Actor, plans: None
) -> None:
    billing = person("Billing").portal()
    assert billing.get(path(tenant)).status == 200
    for role in ("Billing", "Admin"):
        refused = person(role).portal().call("PUT", path(tenant), {"plan": "team"})
        assert (refused.status, refused["code"]) == (403, "permission-missing")
    assert person("Member").portal().get(path(tenant)).status == 403
    absent = f"/organisations/{uuid4()}/plan"
    for method in ("GET", "PUT"):
        heard, nothing = (
            stranger.portal().call(method, url, {"plan": "team"}) for url in (path(tenant), absent)
        )
        assert (heard.status, heard["code"]) == (nothing.status, nothing["code"]) == (404, "not-found")
    assert not OrganisationQuota.objects.using("auth").exists()


def test_only_operators_give(
    tenant: Tenant, operator: Actor, person: Callable[[str], Actor], plans: None
) -> None:
    at = f"/operators/organisations/{tenant.organisation_id}/quota"
    body = {"plan": "huge", "overrides": {}, "reason": "mine"}
    for method in ("GET", "PUT"):
        heard = person("Owner").portal().call(method, at, body)
        assert (heard.status, heard["code"]) == (404, "not-found")
    for wrong, field in (
        ({"plan": "nothing"}, "plan"),
        ({"overrides": {"nothing": 1}}, "nothing"),
        ({"overrides": {"dags": -1}}, "dags"),
        ({"reason": " "}, "reason"),
    ):
        refused = operator.portal().call("PUT", at, {**body, **wrong})
        assert (refused.status, list(refused["errors"])) == (422, [field])
    absent = operator.portal().call("PUT", f"/operators/organisations/{uuid4()}/quota", body)
    assert (absent.status, absent["code"]) == (404, "not-found")
    assert not OrganisationQuota.objects.using("auth").exists()


def test_the_statements_and_the_doors_say_the_same(tenant: Tenant, operator: Actor, plans: None) -> None:
    """`app.tenant_bound` in SQL, `read_quota` at the doors, `api_requests` before any scope: one answer each time."""
    for ours in (None, "team", "gone"):
        for mine in (None, "huge", "gone"):
            for extra in ({}, {"dags": 5}, {"dags": None, "api_requests_per_minute": 70}):
                values = {"changed_at": utc_now(), "changed_by": "x"}
                OrganisationQuota.objects.using("auth").update_or_create(
                    organisation_id=tenant.organisation_id,
                    defaults={**values, "plan": ours, "overrides": {"log_bytes": 5000, "dags": 11}},
                )
                row = {**values, "plan": mine, "overrides": extra}
                TenantQuota.objects.using("auth").update_or_create(tenant_id=tenant.id, defaults=row)
                api_requests.forget()
                with tenant_scope(tenant.id):
                    quota = read_quota()
                    with connections["default"].cursor() as cursor:
                        cursor.execute("SELECT given::text FROM app.tenant_bound")
                        [(text,)] = cursor.fetchall()
                    given = json.loads(text)
                    assert {one.name: given.get(one.name) for one in LIMITS} == {
                        one.name: quota.limits[one.name].bound for one in LIMITS
                    }, (ours, mine, extra)
                assert api_requests.requests_per_minute(tenant.id) == given.get("api_requests_per_minute")


def test_a_tenant_sees_its_own_organisations_row_only(tenant: Tenant, operator: Actor) -> None:
    other = make_tenant("other")
    assert other.organisation_id != tenant.organisation_id
    for one in (tenant, other):
        OrganisationQuota(
            organisation_id=one.organisation_id,
            reason=f"of {one.slug}",
            changed_at=utc_now(),
            changed_by="x",
        ).save(using="auth", force_insert=True)
    assert OrganisationQuota.objects.using("auth").count() == 2
    for using in ("default", "scheduler"):
        with tenant_scope(tenant.id, using=using):
            rows = OrganisationQuota.objects.using(using).values_list("reason", flat=True)
            assert list(rows) == [f"of {tenant.slug}"]
        assert not OrganisationQuota.objects.using(using).exists(), "nobody's scope is open"


def test_admission_obeys_the_organisations_plan(tenant: Tenant, operator: Actor, plans: None) -> None:
    with tenant_scope(tenant.id, using="scheduler"):
        before = execute("scheduler/sql/read_pools.sql", using="scheduler")[0][-1]
    at = f"organisations/{tenant.organisation_id}/quota"
    put(operator, at, {"plan": "team", "overrides": {}, "reason": "x"})
    with tenant_scope(tenant.id, using="scheduler"):
        after = execute("scheduler/sql/read_pools.sql", using="scheduler")[0][-1]
    assert ("concurrent_tasks" in before, after["concurrent_tasks"]) == (False, 64)
