"""GET /tenants/{slug}/backfills; POST …/preview; PATCH …/{number}."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import dag, task

DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
RANGE = {"dag_id": "daily", "from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-05T00:00:00Z"}


@pytest.fixture(autouse=True)
def daily(tenant: Tenant) -> None:
    made = parsed_dag(tenant, dag("daily", [task("only")], timetable=DAILY))
    run = created_run(tenant, made)
    with tenant_scope(tenant.id):
        now = utc_now()
        DagRun.objects.filter(id=run.id).update(
            state="success", start_date=now - timedelta(seconds=30), end_date=now
        )


def test_how_many_and_how_long_before_it_starts(tenant: Tenant, member: Actor) -> None:
    seen = member.portal().post(f"/tenants/{tenant.slug}/backfills/preview", {**RANGE, "max_active_runs": 2})
    assert (seen.status, seen.body) == (
        200,
        {
            "runs": 5,
            "first": "2026-01-01T00:00:00+00:00",
            "last": "2026-01-05T00:00:00+00:00",
            "average_run_seconds": 30.0,
            "predicted_seconds": 90.0,
        },
    )
    assert member.v2().get("/backfills", {"dag_id": "daily"})["total_entries"] == 0


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"dag_id": "none"}, 404, "not-found"),
        ({"to_date": "2025-01-01T00:00:00Z"}, 422, "backfill-invalid"),
        ({"max_active_runs": 0}, 422, "malformed"),
        ({"reprocess_behavior": "some"}, 422, "malformed"),
    ],
)
def test_refused(tenant: Tenant, member: Actor, change: dict[str, Any], status: int, code: str) -> None:
    seen = member.portal().post(f"/tenants/{tenant.slug}/backfills/preview", {**RANGE, **change})
    assert (seen.status, seen["code"]) == (status, code)


def test_the_bound_is_changed_and_the_list_says_what_is_left(tenant: Tenant, member: Actor) -> None:
    at = f"/tenants/{tenant.slug}/backfills"
    made = member.v2().post("/backfills", RANGE)
    changed = member.portal().patch(f"{at}/{made['id']}", {"max_active_runs": 3})
    assert (changed.status, changed["max_active_runs"], changed["left"]) == (200, 3, 5)
    for query, count in (({}, 1), ({"active": "true"}, 1), ({"active": "false"}, 0), ({"dag_id": "none"}, 0)):
        assert len(member.portal().get(at, query)["backfills"]) == count
    member.v2().call("PUT", f"/backfills/{made['id']}/cancel")
    late = member.portal().patch(f"{at}/{made['id']}", {"max_active_runs": 4})
    assert (late.status, late["code"]) == (409, "backfill-completed")
    assert member.portal().patch(f"{at}/99", {"max_active_runs": 4}).status == 404
    assert member.portal().patch(f"{at}/{made['id']}", {"max_active_runs": 0}).status == 422


def test_other_roles_and_strangers(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    at = f"/tenants/{tenant.slug}/backfills"
    member.v2().post("/backfills", RANGE)
    for who, status in ((viewer, 403), (stranger, 404)):
        assert who.portal().post(f"{at}/preview", RANGE).status == status
        assert who.portal().patch(f"{at}/1", {"max_active_runs": 1}).status == status
    assert viewer.portal().get(at)["backfills"][0]["max_active_runs"] == 10
    assert stranger.portal().get(at).status == 404
