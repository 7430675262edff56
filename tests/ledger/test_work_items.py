"""add_items.sql, take_items.sql, drop_plans.sql, list_due_tenants.sql: what is to be done, and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute, statement
from controlplane.ledger.transitions import add_items
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import scene
from tests.support.sessions import another_session

pytestmark = pytest.mark.django_db


def _add(tenant: Tenant, kind: str, ref: Any, due_at: datetime | None = None) -> None:
    with tenant_scope(tenant.id):
        add_items(items=[(kind, ref, due_at or utc_now())])


def _take(tenant: Tenant, batch: int = 10) -> list[tuple[Any, ...]]:
    with tenant_scope(tenant.id, using="scheduler"):
        return execute(
            "ledger/sql/take_items.sql", using="scheduler", tenant=tenant.id, now=utc_now(), batch=batch
        )


def test_due_items_are_taken_once_in_their_order(tenant: Tenant) -> None:
    now, refs = utc_now(), [uuid4() for _ in range(3)]
    for seconds, ref in zip((3, 1, 2), refs, strict=True):
        _add(tenant, "due", ref, now - timedelta(seconds=seconds))
    _add(tenant, "due", uuid4(), now + timedelta(hours=1))
    assert sorted(_take(tenant, batch=2)) == sorted([("due", refs[0]), ("due", refs[2])])
    assert _take(tenant) == [("due", refs[1])]
    assert _take(tenant) == []


def test_what_another_scheduler_takes_is_passed_over(tenant: Tenant, superuser: Any) -> None:
    _add(tenant, "admit", None)
    with another_session(superuser) as other:
        other.execute("DELETE FROM work_item")
        assert _take(tenant) == []
    assert _take(tenant) == [("admit", None)]


def test_taking_an_end_locks_its_run(tenant: Tenant, superuser: Any) -> None:
    """A branch that skips in this run waits until all of it is propagated (lock_runs.sql)."""
    it = scene(tenant).begin()
    it.end("only", "success")
    with tenant_scope(tenant.id, using="scheduler"):
        taken = execute(
            "ledger/sql/take_items.sql", using="scheduler", tenant=tenant.id, now=utc_now(), batch=10
        )
        assert ("finished", it.row("only").id) in taken
        with another_session(superuser) as other:
            other.execute("SELECT id FROM dag_run FOR NO KEY UPDATE SKIP LOCKED")
            assert other.fetchall() == []
    with another_session(superuser) as other:
        other.execute("SELECT id FROM dag_run FOR NO KEY UPDATE SKIP LOCKED")
        assert len(other.fetchall()) == 1, "the control: it was the lock that hid it"


def test_a_plan_exists_once_per_dag_and_is_dropped_by_who_makes_it(tenant: Tenant) -> None:
    it = scene(tenant)
    it.forget_items()
    dag, now = it.dag_row().id, utc_now()
    _add(tenant, "plan", dag, now + timedelta(hours=1))
    _add(tenant, "plan", dag, now)
    assert it.items() == [("plan", dag)]
    assert (_take(tenant), _take(tenant)) == ([("plan", dag)], [("plan", dag)]), "named, not taken"
    it.execute("drop_plans", dags=[dag], now=now - timedelta(hours=1))
    assert it.items() == [("plan", dag)], "not due then"
    it.execute("drop_plans", dags=[dag], now=now)
    assert it.items() == []


def test_a_stranger_takes_and_drops_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    """The scheduler's role sees this table of all tenants: the statement's own condition keeps them apart."""
    it = scene(tenant, specs.task("only"))
    _add(tenant, "plan", it.dag_row().id)
    assert _take(other_tenant) == []
    with tenant_scope(other_tenant.id, using="scheduler"):
        execute("ledger/sql/drop_plans.sql", using="scheduler", dags=[it.dag_row().id], now=utc_now())
    assert sorted(kind for kind, _ in it.items()) == ["plan", "start_runs"]


def test_who_has_due_work_is_found_and_when_the_next_is_due(tenant: Tenant, other_tenant: Tenant) -> None:
    _add(tenant, "admit", None)
    _add(other_tenant, "admit", None, utc_now() + timedelta(seconds=60))
    rows = execute("ledger/sql/list_due_tenants.sql", using="scheduler", batch=10)
    assert [row[0] for row in rows] == [tenant.id, None]
    assert 50 < rows[1][1] <= 60


def test_looking_uses_the_index_however_much_waits(tenant: Tenant, superuser: Any) -> None:
    """clock_timestamp() would read every item of the installation, once a second."""
    with superuser.cursor() as cursor:
        cursor.execute(
            "INSERT INTO work_item (tenant_id, kind, ref, due_at) SELECT %s, 'due', gen_random_uuid(), "
            "now() + interval '1 day' FROM generate_series(1, 5000)",
            [str(tenant.id)],
        )
        cursor.execute("ANALYZE work_item")
        text = statement("ledger/sql/list_due_tenants.sql").text
        for clock, wanted in (("statement_timestamp()", True), ("clock_timestamp()", False)):
            asked = text.replace("statement_timestamp()", clock)
            cursor.execute("EXPLAIN " + asked.replace("%(batch)s", "10"))
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert ("Index Cond: (due_at <= " in plan) is wanted, plan


def test_taking_reads_no_run_that_nothing_is_due_for(tenant: Tenant, superuser: Any) -> None:
    """With IN, every run of the tenant is read to be joined, each time: 0.9 s a step beside 375,000 of them."""
    run = scene(tenant, specs.task("only")).run
    text = statement("ledger/sql/take_items.sql").text
    begins, ends = "= ANY (ARRAY(", "('finished', 'revive')))"
    assert begins in text and ends in text
    with superuser.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dag_run SELECT (jsonb_populate_record(r, jsonb_build_object("
            "'id', app.uuid7(), 'run_id', 'old' || n, 'logical_date', NULL))).* "
            "FROM dag_run r, generate_series(1, 10000) n WHERE r.id = %s",
            [str(run.id)],
        )
        cursor.execute("ANALYZE dag_run")
    given = {"tenant": str(tenant.id), "now": str(utc_now()), "batch": 1000}
    with_in = text.replace(begins, "IN (").replace(ends, ends[:-1])
    # As the scheduler: what row-level security makes of a join, no superuser sees.
    with tenant_scope(tenant.id, using="scheduler"), connections["scheduler"].cursor() as cursor:
        for asked, by_id in ((text, True), (with_in, False)):
            cursor.execute(f"EXPLAIN {asked}", given)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert ("(id = ANY (" in plan) is by_id, plan
