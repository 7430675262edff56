"""GET /eventLogs and /eventLogs/{event_log_id}."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.ledger.record_event import record_event
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def entries(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        for number, event in enumerate(("trigger_dag_run", "patch_dag", "post_pool")):
            record_event(
                event=event,
                owner="mia",
                now=DAY + timedelta(days=number),
                extra={"number": number},
                dag_id="beta" if number < 2 else None,
            )


def test_ids_are_small_numbers_in_order(member: Actor) -> None:
    answer = member.v2().get("/eventLogs")
    assert [entry["event_log_id"] for entry in answer["event_logs"]] == [1, 2, 3]
    assert answer["event_logs"][0]["extra"] == '{"number": 0}'
    assert member.v2().get("/eventLogs/2")["event"] == "patch_dag"
    assert member.v2().get("/eventLogs/9").status == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"dag_id": "beta"}, [1, 2]),
        ({"event": "post_pool"}, [3]),
        ({"excluded_events": ["post_pool", "patch_dag"]}, [1]),
        ({"included_events": ["post_pool", "patch_dag"]}, [2, 3]),
        ({"owner": "nobody"}, []),
        ({"after": DAY.isoformat()}, [2, 3]),
        ({"before": (DAY + timedelta(days=1)).isoformat()}, [1]),
        ({"event_pattern": "DAG"}, [1, 2]),
        ({"event_prefix_pattern": "patch"}, [2]),
        ({"order_by": "-when"}, [3, 2, 1]),
        ({"order_by": "-event_log_id", "limit": "1"}, [3]),
    ],
)
def test_filters(member: Actor, query: dict[str, str], found: list[int]) -> None:
    answer = member.v2().get("/eventLogs", query)
    assert [entry["event_log_id"] for entry in answer["event_logs"]] == found


def test_serials_are_counted_per_tenant(other_tenant: Tenant, stranger: Actor) -> None:
    with tenant_scope(other_tenant.id):
        record_event(event="x", owner=None, now=DAY)
    assert [entry["event_log_id"] for entry in stranger.v2().get("/eventLogs")["event_logs"]] == [1]


def test_who_may_read_it(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    for path in ("/eventLogs", "/eventLogs/1"):
        assert viewer.v2().get(path).status == 403
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert stranger.v2().get("/eventLogs/1").status == 404
