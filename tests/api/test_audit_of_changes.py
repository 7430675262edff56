"""What changes through the Airflow API leaves in the audit chain: before and after, without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.secrets import variables
from tenants.audit.redaction import MASK
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tenants.tokens import issue_token, revoke_token, rotate_token
from tests.support.actors import Actor
from tests.support.audit_rows import audit_rows
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain

SECRET = "hunter2-in-the-clear"


def newest(tenant: Tenant, action: str) -> dict[str, Any]:
    return audit_rows(tenant, action=action)[-1]


def test_a_pool_from_its_making_to_its_end(tenant: Tenant, member: Actor) -> None:
    door = member.v2()
    assert door.post("/pools", {"name": "small", "slots": 2}).status == 201
    assert door.patch("/pools/small", {"slots": 5}).status == 200
    assert door.delete("/pools/small").status == 204
    rows = audit_rows(tenant, target="pool:small")
    assert [row["action"] for row in rows] == ["pool.made", "pool.changed", "pool.deleted"]
    assert rows[0]["before"] is None and rows[0]["after"]["slots"] == 2
    assert (rows[1]["before"], rows[1]["after"]) == ({"slots": 2}, {"slots": 5})
    assert rows[2]["before"]["slots"] == 5 and rows[2]["after"] is None
    assert {row["actor"] for row in rows} == {member.user.username}


def test_a_bulk_change_leaves_a_row_for_each(tenant: Tenant, member: Actor) -> None:
    actions = [{"action": "create", "entities": [{"name": n, "slots": 1} for n in ("a", "b")]}]
    assert member.v2().patch("/pools", {"actions": actions}).status == 200
    assert [row["target"] for row in audit_rows(tenant, action="pool.made")] == ["pool:a", "pool:b"]


def test_a_variables_value_never_shows(tenant: Tenant, member: Actor) -> None:
    door = member.v2()
    assert door.post("/variables", {"key": "plain", "value": SECRET}).status == 201
    assert door.patch("/variables/plain", {"key": "plain", "value": f"{SECRET}2"}).status == 200
    assert door.delete("/variables/plain").status == 204
    rows = audit_rows(tenant, target="variable:plain")
    assert [row["action"] for row in rows] == ["variable.made", "variable.changed", "variable.deleted"]
    assert rows[1]["before"] == {"sealed": MASK} and rows[1]["after"] == {"sealed": "*** (new)"}
    assert SECRET not in str(audit_rows(tenant))


def test_a_connections_secrets_never_show(tenant: Tenant, member: Actor) -> None:
    body = {"connection_id": "db", "conn_type": "postgres", "host": "one", "login": "me", "password": SECRET}
    assert member.v2().post("/connections", body).status == 201
    assert member.v2().patch("/connections/db", body | {"host": "two"}).status == 200
    rows = audit_rows(tenant, target="connection:db")
    assert rows[0]["after"]["host"] == "one" and rows[0]["after"]["login"] == MASK
    assert rows[1]["before"]["host"] == "one" and rows[1]["after"]["host"] == "two"
    assert SECRET not in str(rows)


def test_a_dag_paused_and_resumed(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant)
    for is_paused in (True, False):
        assert member.v2().patch("/dags/example", {"is_paused": is_paused}).status == 200
    assert newest(tenant, "dag.paused")["after"]["is_paused"] is True
    assert newest(tenant, "dag.resumed")["before"]["is_paused"] is True


def test_a_run_from_its_trigger_to_its_end(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant, chain("example", 2))
    door = member.v2()
    body = {"dag_run_id": "mine", "logical_date": None, "conf": {"n": 1, "api_key": SECRET}}
    assert door.post("/dags/example/dagRuns", body).status == 200
    row = newest(tenant, "run.triggered")
    assert row["target"] == "run:example/mine" and row["after"]["conf"] == {"n": 1, "api_key": MASK}
    assert door.patch("/dags/example/dagRuns/mine", {"state": "failed"}).status == 200
    row = newest(tenant, "run.marked")
    assert (row["before"], row["after"]) == ({"state": "queued"}, {"state": "failed"})
    body = {"dry_run": False, "dag_run_id": "mine", "only_failed": False}
    assert door.post("/dags/example/clearTaskInstances", body).status == 200
    row = newest(tenant, "tasks.cleared")
    assert row["target"] == "run:example/mine" and row["detail"]["instances"] == 2
    assert row["before"] == {"states": {"skipped": 2}}
    assert door.patch("/dags/example/dagRuns/mine", {"state": "success"}).status == 200
    assert door.delete("/dags/example/dagRuns/mine").status == 204
    row = newest(tenant, "run.deleted")
    assert row["target"] == "run:example/mine" and row["after"] is None


def test_tasks_that_are_marked(tenant: Tenant, member: Actor) -> None:
    run = created_run(tenant)
    place = f"/dags/example/dagRuns/{run.run_id}/taskInstances/task_0"
    answer = member.v2().patch(place, {"new_state": "success"})
    assert answer.status == 200, answer.body
    row = newest(tenant, "tasks.marked")
    assert row["after"] == {"state": "success"} and row["detail"]["tasks"] == ["task_0"]


def test_a_dry_run_changes_nothing_and_says_so(tenant: Tenant, member: Actor) -> None:
    created_run(tenant)
    assert member.v2().post("/dags/example/clearTaskInstances", {"dry_run": True}).status == 200
    assert audit_rows(tenant, action="tasks.cleared") == []


def test_a_deleted_dag(tenant: Tenant, member: Actor) -> None:
    created_run(tenant)
    assert member.v2().delete("/dags/example").status == 204
    assert newest(tenant, "dag.deleted")["before"]["runs"] == 1


def test_what_is_refused_changes_nothing(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    before = len(audit_rows(tenant, outcome="done"))
    assert viewer.v2().post("/pools", {"name": "small", "slots": 2}).status == 403
    assert stranger.v2(at=tenant).post("/pools", {"name": "small", "slots": 2}).status == 404
    assert len(audit_rows(tenant, outcome="done")) == before


def test_tokens(tenant: Tenant) -> None:
    now = utc_now()
    with tenant_scope(tenant.id):
        made = issue_token(kind="api", name="ci", role="Author", created_by="ada", now=now)
        other = rotate_token(token_id=made.id, overlap_hours=1, now=now)
        revoke_token(token_id=other.id, now=now)
        revoke_token(token_id=other.id, now=now)
    actions = [row["action"] for row in audit_rows(tenant) if row["target"].startswith("token:")]
    assert actions[-3:] == ["token.issued", "token.rotated", "token.revoked"]
    rows = str(audit_rows(tenant))
    assert made.text not in rows and other.text not in rows
    assert newest(tenant, "token.issued")["after"]["token_prefix"] == made.prefix


@pytest.mark.parametrize("by", ["service", "task"])
def test_who_a_change_is_by(tenant: Tenant, by: str) -> None:
    from tenants.audit.context import AuditContext, audit_context

    context = AuditContext(actor_kind="task", actor="task:1") if by == "task" else None
    with tenant_scope(tenant.id):
        if context is None:
            variables.put(key="k", value="v", description=None, now=utc_now())
        else:
            with audit_context(context):
                variables.put(key="k", value="v", description=None, now=utc_now())
    assert newest(tenant, "variable.made")["actor_kind"] == ("task" if by == "task" else "system")
