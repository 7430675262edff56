"""Requests per minute of a tenant: counted over both APIs, refused over the limit, never for want of the counter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.conf import settings

from api import rate
from controlplane.foundation import rate_counter
from controlplane.foundation.clock import utc_now
from tenants.limits import api_requests
from tenants.limits.change import put_plan, put_quota
from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.queries import QueryCounter

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 5, 4, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[list[datetime]]:
    """The minute does not turn while a test counts; a test may turn it."""
    now = [NOON]
    monkeypatch.setattr(rate, "utc_now", lambda: now[0])
    api_requests.forget()
    rate_counter._resting_until[0] = 0.0
    yield now
    api_requests.forget()


@pytest.fixture
def limited(tenant: Tenant) -> None:
    put_plan(
        name="paid",
        title="",
        limits={"api_requests_per_minute": 62},
        prices={},
        is_default=True,
        by="op",
        now=utc_now(),
    )


@pytest.mark.usefixtures("limited")
def test_over_the_limit(
    tenant: Tenant, viewer: Actor, member: Actor, stranger: Actor, noon: list[datetime]
) -> None:
    at = f"/tenants/{tenant.slug}"
    for _ in range(30):
        assert viewer.v2().get("/pools").status == 200
        assert member.portal().get(at).status == 200
    near = viewer.v2().get("/pools")
    assert near.headers["RateLimit-Policy"] == '"tenant";q=62;w=60'
    assert near.headers["RateLimit"] == '"tenant";r=1;t=40'
    assert viewer.portal().get(at).headers["RateLimit"] == '"tenant";r=0;t=40'
    airflows = viewer.v2().get("/pools")
    assert (airflows.status, airflows.headers["Retry-After"]) == (429, "40")
    assert airflows["detail"] == "the tenant may make 62 requests a minute; try again in 40 s"
    ours = member.portal().get(at)
    assert (ours.status, ours["code"], ours.headers["Retry-After"]) == (429, "too-many-requests", "40")
    assert ours.headers["RateLimit"] == '"tenant";r=0;t=40'
    assert stranger.v2().get("/pools").status == 200, "another tenant's count is its own"
    assert stranger.portal().get(at).status == 404, "and a stranger learns nothing"
    noon[0] = NOON.replace(minute=1)
    assert viewer.v2().get("/pools").status == 200


@pytest.mark.usefixtures("limited")
def test_an_override_counts_at_once(tenant: Tenant, viewer: Actor) -> None:
    for _ in range(62):
        viewer.v2().get("/pools")
    assert viewer.v2().get("/pools").status == 429
    overrides = {"api_requests_per_minute": None}
    put_quota(slug=tenant.slug, plan=None, overrides=overrides, reason="import", by="op", now=utc_now())
    api_requests.forget()  # or five seconds later
    assert viewer.v2().get("/pools").status == 200


def test_few_requests_read_nothing_more(viewer: Actor, count_queries: QueryCounter) -> None:
    with count_queries(5):  # who asks, scope, page, count, slots taken
        viewer.v2().get("/pools")


def test_without_the_counter_nobody_is_refused(
    tenant: Tenant, viewer: Actor, limited: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"default": {**settings.CACHES["default"], "LOCATION": "unix:///not/there"}}
    monkeypatch.setattr(settings, "CACHES", away)
    for _ in range(70):
        assert viewer.v2().get("/pools").status == 200
    assert rate_counter._resting_until[0] > 0, "and it is not asked again and again"
