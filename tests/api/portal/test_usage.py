"""GET /tenants/{slug}/usage, …/usage/rows; GET, PUT /tenants/{slug}/budgets; DELETE …/budgets/{id}."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.attempt_usage import AttemptUsage
from controlplane.maintenance.usage import count_usage
from domain.ids import uuid7
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor

pytestmark = pytest.mark.django_db
MAY = datetime(2026, 5, 4, 12, tzinfo=UTC)


def _used(
    tenant: Tenant, dag_id: str, task_id: str, seconds: int, at: datetime = MAY, **more: object
) -> None:
    with tenant_scope(tenant.id):
        AttemptUsage.objects.create(
            tenant=tenant,
            kind="held",
            task_instance_id=uuid7(),
            epoch=1,
            dag_id=dag_id,
            run_id="r",
            task_id=task_id,
            map_index=-1,
            try_number=1,
            started_at=at - timedelta(seconds=seconds),
            ended_at=at,
            task_us=seconds * 10**6,
            **more,
        )


@pytest.fixture(autouse=True)
def priced(tenant: Tenant) -> None:
    prices = {"task_hour": 3_600_000_000}
    put_plan(name="paid", title="", limits={}, prices=prices, is_default=True, by="op", now=utc_now())


def test_a_month_by_dag_by_task_and_by_day(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    _used(tenant, "a", "x", 10)
    _used(tenant, "a", "y", 20, MAY + timedelta(days=1))
    with tenant_scope(tenant.id):
        count_usage(using="default")
    _used(tenant, "b", "x", 40)
    _used(tenant, "b", "x", 7, datetime(2026, 6, 1, tzinfo=UTC))
    at = f"/tenants/{tenant.slug}/usage"
    seen = viewer.portal().get(at, {"month": "2026-05"})
    assert (seen.status, seen["currency"], seen["month"]) == (200, "EUR", "2026-05")
    assert [(u["dag_id"], u["attempts"], u["task_seconds"], u["cost_micros"]) for u in seen["usage"]] == [
        ("b", 1, 40.0, 40_000_000),
        ("a", 2, 30.0, 30_000_000),
    ]
    assert seen["total"]["cost_micros"] == sum(u["cost_micros"] for u in seen["usage"])
    tasks = viewer.portal().get(at, {"month": "2026-05", "by": "task", "dag_id": "a"})
    assert [(u["task_id"], u["task_seconds"]) for u in tasks["usage"]] == [("y", 20.0), ("x", 10.0)]
    days = viewer.portal().get(at, {"month": "2026-05", "by": "day"})
    assert {u["day"]: u["task_seconds"] for u in days["usage"]} == {"2026-05-04": 50.0, "2026-05-05": 20.0}
    assert viewer.portal().get(at)["usage"] == [], "the present month"
    for wrong in ({"month": "2026-13"}, {"month": "may"}, {"by": "week"}):
        assert viewer.portal().get(at, wrong).status == 422
    assert stranger.portal().get(at, {"month": "2026-05"}).status == 404
    own = stranger.portal().get(f"/tenants/{stranger.tenant.slug}/usage", {"month": "2026-05"})
    assert own["usage"] == []


def test_rows_in_pages(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    for number in range(5):
        _used(tenant, f"d{number}", "t", 1)
    at = f"/tenants/{tenant.slug}/usage/rows"
    names: list[str] = []
    query = {"month": "2026-05", "limit": "2"}
    for _ in range(3):
        page = viewer.portal().get(at, query)
        assert page.headers["Content-Type"] == "application/x-ndjson"
        names += [json.loads(line)["dag_id"] for line in str(page.body).splitlines()]
        query["after"] = page.headers.get("X-Next-After", "")
    assert names == ["d0", "d1", "d2", "d3", "d4"]
    assert query["after"] == ""
    assert viewer.portal().get(at, {"limit": "0"}).status == 422
    assert viewer.portal().get(at, {"after": "x"}).status == 422
    assert viewer.portal().get(at, {"format": "xls"}).status == 422
    assert stranger.portal().get(at, {"month": "2026-05"}).status == 404


def test_a_spreadsheet_runs_nothing(tenant: Tenant, viewer: Actor) -> None:
    evil = ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\tx", 'a,"b']
    for name in evil:
        _used(tenant, "d", name, 1)
    page = viewer.portal().get(f"/tenants/{tenant.slug}/usage/rows", {"month": "2026-05", "format": "csv"})
    assert page.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(page.body)))
    assert [row["task_id"] for row in rows] == [f"'{name}" for name in evil[:5]] + [evil[5]]
    assert rows[0]["task_us"] == "1000000"


def test_budgets(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    at = f"/tenants/{tenant.slug}/budgets"
    made = member.portal().call("PUT", at, {"amount_micros": 10, "thresholds": [100, 50, 50]})
    assert (made.status, made["thresholds"], made["burns"]) == (200, [50, 100], [])
    again = member.portal().call("PUT", at, {"amount_micros": 20})
    assert (again["id"], again["amount_micros"], again["thresholds"]) == (made["id"], 20, [50, 80, 100])
    assert [b["amount_micros"] for b in viewer.portal().get(at)["budgets"]] == [20]
    for wrong in (
        {},
        {"amount_micros": 0},
        {"amount_micros": 1, "thresholds": [0]},
        {"amount_micros": 1, "thresholds": []},
    ):
        assert member.portal().call("PUT", at, wrong).status == 422
    one = f"{at}/{made['id']}"
    assert viewer.portal().call("PUT", at, {"amount_micros": 1}).status == 403
    assert viewer.portal().delete(one).status == 403
    assert stranger.portal().call("PUT", at, {"amount_micros": 1}).status == 404
    assert stranger.portal().delete(one).status == 404
    assert stranger.portal().delete(f"/tenants/{stranger.tenant.slug}/budgets/{made['id']}").status == 404
    assert viewer.portal().get(at)["budgets"][0]["amount_micros"] == 20
    assert member.portal().delete(one).status == 204
    assert member.portal().delete(one).status == 404
