"""GET and PUT /tenants/{slug}/retention."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.ledger.models.retention import Retention
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.audit_rows import audit_rows

AT = "/tenants/alpha/retention"
BODY = {"runs_days": 30, "logs_days": 7, "xcoms_days": None, "alerts_days": 90}


def test_it_is_set_and_read(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    before = viewer.portal().get(AT)
    assert (before.status, before["runs_days"], before["pruned"]) == (200, None, {})
    assert member.portal().call("PUT", AT, BODY).status == 200
    after = viewer.portal().get(AT)
    assert {name: after[name] for name in BODY} == BODY


def test_everything_else_is_set_too_and_what_is_not_given_is_kept(tenant: Tenant, member: Actor) -> None:
    more = {
        "events_days": 1,
        "usage_days": 62,
        "bundles_days": 1,
        "audit_days": 30,
        "from_hour": 22,
        "until_hour": 4,
    }
    answer = member.portal().call("PUT", AT, more)
    assert answer.status == 200 and {name: answer[name] for name in more} == more
    assert answer["runs_days"] is None
    again = member.portal().call("PUT", AT, BODY)
    assert (again["audit_days"], again["from_hour"], again["runs_days"]) == (None, None, 30)
    row = audit_rows(tenant, action="tenant.retention.changed")[-1]
    assert (row["before"]["audit_days"], row["after"]["audit_days"]) == (30, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"runs_days": 0}, "runs_days"),
        ({"logs_days": "long"}, "logs_days"),
        ({"events_days": 0}, "events_days"),
        ({"usage_days": 61}, "usage_days"),
        ({"bundles_days": -1}, "bundles_days"),
        ({"audit_days": 29}, "audit_days"),
        ({"from_hour": 24, "until_hour": 2}, "from_hour"),
        ({"from_hour": 3}, "until_hour"),
        ({"until_hour": 3}, "from_hour"),
        ({"from_hour": 3, "until_hour": 3}, "until_hour"),
    ],
)
def test_a_wrong_one_names_its_field_and_changes_nothing(
    tenant: Tenant, member: Actor, change: dict[str, Any], field: str
) -> None:
    answer = member.portal().call("PUT", AT, {**BODY, **change})
    assert (answer.status, list(answer["errors"])) == (422, [field])
    with tenant_scope(tenant.id):
        assert not Retention.objects.exists()


def test_others_may_not(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    assert viewer.portal().call("PUT", AT, BODY).status == 403
    for method in ("GET", "PUT"):
        answer = stranger.portal().call(method, AT, BODY)
        assert (answer.status, answer["code"]) == (404, "not-found")
    with tenant_scope(tenant.id):
        assert not Retention.objects.exists()
