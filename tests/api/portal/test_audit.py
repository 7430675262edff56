"""The audit chain at the portal's door: who may look, what is found, and what an export is good for."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from controlplane.foundation.clock import utc_now
from tenants.audit.chains import each_row
from tenants.audit.context import AuditContext, audit_context
from tenants.audit.entry import FIELDS, START, digest_of, link
from tenants.audit.export import COLUMNS, as_csv, as_ndjson
from tenants.audit.record import record_change, record_platform_change
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.audit_rows import audit_rows


def deeds(tenant: Tenant, count: int, **more: Any) -> None:
    for number in range(count):
        with tenant_scope(tenant.id):
            record_change(
                **{"action": "pool.changed", "target": f"pool:{number}", "after": {"n": number}} | more
            )


def look(door: Door, tenant: Tenant, **query: Any) -> Any:
    return door.get(f"/tenants/{tenant.slug}/audit", query=query)


@pytest.mark.parametrize("path", ["audit", "audit/export"])
def test_who_may_look(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor, path: str) -> None:
    assert member.portal().get(f"/tenants/{tenant.slug}/{path}").status == 200
    assert viewer.portal().get(f"/tenants/{tenant.slug}/{path}").status == 403
    there = stranger.portal().get(f"/tenants/{tenant.slug}/{path}")
    absent = stranger.portal().get(f"/tenants/nobody-here/{path}")
    assert (there.status, there.body["code"]) == (absent.status, absent.body["code"]) == (404, "not-found")


def test_an_op_reads_and_does_not_export(tenant: Tenant, actor: Any) -> None:
    op = actor("Op").portal()
    assert look(op, tenant).status == 200
    assert op.get(f"/tenants/{tenant.slug}/audit/export").status == 403


def test_newest_first_in_pages_that_neither_repeat_nor_skip(tenant: Tenant, member: Actor) -> None:
    deeds(tenant, 7)
    door = member.portal()
    answer = look(door, tenant, limit=3, action="pool.changed")
    found = [row["target"] for row in answer["rows"]]
    while answer["next"] is not None:
        deeds(tenant, 1, action="pool.changed")  # comes in between
        answer = door.following(answer)
        found += [row["target"] for row in answer["rows"]]
    assert found == [f"pool:{number}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"actor": "ada"}, 1),
        ({"actor_kind": "task"}, 1),
        ({"action": "pool.*"}, 3),
        ({"action": "pool.made"}, 1),
        ({"target": "pool:1"}, 1),
        ({"target": "pool:*"}, 3),
        ({"outcome": "refused", "action": "pool.*"}, 0),
        ({"request_id": "req-abcdef"}, 1),
        ({"address": "192.0.2.7"}, 1),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2000-01-01T00:00:00Z"}, 0),
        ({"target": "pool:%"}, 0),
    ],
)
def test_what_is_looked_for_is_found(
    tenant: Tenant, member: Actor, query: dict[str, str], count: int
) -> None:
    context = AuditContext(actor_kind="task", actor="ada", address="192.0.2.7", request_id="req-abcdef")
    with audit_context(context):
        deeds(tenant, 1, action="pool.made")
    deeds(tenant, 2)
    assert len(look(member.portal(), tenant, **query)["rows"]) == count


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"after": "x"}, "after"),
        ({"after": 2**63}, "after"),
        ({"outcome": "good"}, "outcome"),
        ({"actor_kind": "god"}, "actor_kind"),
        ({"actor": "a\x00b"}, "actor"),
    ],
)
def test_a_wrong_question_names_its_field(
    tenant: Tenant, member: Actor, query: dict[str, Any], field: str
) -> None:
    answer = look(member.portal(), tenant, **query)
    assert answer.status == 422 and field in answer["errors"]


def test_an_ndjson_export_verifies_without_us(tenant: Tenant, member: Actor) -> None:
    deeds(tenant, 5, after={"text": "line\nbreak \u202e right to left"})
    answer = member.portal().get(f"/tenants/{tenant.slug}/audit/export")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in str(answer.body).splitlines()]
    prev = START
    for place, line in enumerate(lines, start=1):
        content = {name: line[name] for name in FIELDS}
        digest = digest_of(content, chain=UUID(line["chain"]))
        assert digest.hex() == line["digest"] and line["seq"] == place and line["prev"] == prev.hex()
        prev = link(chain=tenant.id, seq=place, prev=prev, digest=digest)
        assert prev.hex() == line["hash"]
    assert lines[-1]["action"] == "audit.exported"


def test_an_export_from_a_place_to_a_place(tenant: Tenant, member: Actor) -> None:
    deeds(tenant, 6)
    answer = member.portal().get(f"/tenants/{tenant.slug}/audit/export", query={"after": 3, "until": 5})
    assert [json.loads(line)["seq"] for line in str(answer.body).splitlines()] == [4, 5]
    refused = member.portal().get(f"/tenants/{tenant.slug}/audit/export", query={"form": "xlsx"})
    assert refused.status == 422 and "form" in refused["errors"]


def test_csv_is_read_back_and_holds_no_formula(tenant: Tenant, member: Actor) -> None:
    deeds(tenant, 1, target='=HYPERLINK("http://x";"y")')
    answer = member.portal().get(f"/tenants/{tenant.slug}/audit/export", query={"form": "csv"})
    rows = list(csv.DictReader(io.StringIO(str(answer.body), newline="")))
    assert len(rows) == len(audit_rows(tenant))
    assert '\'=HYPERLINK("http://x";"y")' in [row["target"] for row in rows]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_a_cell_holds_it_is_read_back_and_runs_nowhere(text: str) -> None:
    row = SimpleNamespace(
        **dict.fromkeys(COLUMNS, "") | {"target": text, "seq": 1, "id": uuid4(), "at": utc_now()}
    )
    lines = b"".join(as_csv([row], chain=UUID(int=0))).decode()
    (read,) = csv.DictReader(io.StringIO(lines, newline=""))
    assert read["target"] in (text, f"'{text}")
    assert not read["target"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert len(b"".join(as_ndjson([row], chain=UUID(int=0))).splitlines()) == 1


def test_an_export_is_read_in_pieces(tenant: Tenant, count_queries: Any, monkeypatch: Any) -> None:
    """Memory holds one piece; each piece is a transaction of its own (scope and rows)."""
    have = len(audit_rows(tenant))
    deeds(tenant, 10 - have)
    monkeypatch.setattr("tenants.audit.chains.PIECE", 4)
    with count_queries(6):
        assert len(list(each_row(tenant.id))) == 10


def test_an_export_streams(tenant: Tenant, member: Actor) -> None:
    token = member.portal().token
    response = Client().get(
        f"/api/portal/v1/tenants/{tenant.slug}/audit/export", headers={"authorization": f"Bearer {token}"}
    )
    assert response.streaming and "attachment" in response["Content-Disposition"]


def test_operators_read_the_platforms_chain_and_nobody_else(tenant: Tenant, member: Actor) -> None:
    record_platform_change(action="plan.changed", target="plan:small")
    assert member.portal().get("/operators/audit").status == 404
    type(member.user).objects.using("auth").filter(id=member.user.id).update(is_operator=True)
    answer = member.portal().get("/operators/audit", query={"action": "plan.changed"})
    assert [row["target"] for row in answer["rows"]] == ["plan:small"]


def test_an_organisations_owner_reads_its_own(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    from tenants.models.organisation_member import OrganisationMember

    organisation = tenant.organisation_id
    record_platform_change(
        action="organisation.renamed", target=f"organisation:{organisation}", organisation_id=organisation
    )
    record_platform_change(action="organisation.renamed", target="organisation:x", organisation_id=uuid4())
    path = f"/organisations/{organisation}/audit"
    rows = OrganisationMember.objects.using("auth")
    rows.update_or_create(organisation_id=organisation, user_id=member.user.id, defaults={"role": "Member"})
    assert member.portal().get(path).status == 403
    rows.filter(user_id=member.user.id).update(role="Admin")
    found = member.portal().get(path, query={"action": "organisation.renamed"})
    assert [row["target"] for row in found["rows"]] == [f"organisation:{organisation}"]
    assert stranger.portal().get(path).status == 404
