"""How Postgres carries out each statement beside a long history: by an index, whoever's and however long it is.

Every statement file is asked, in the session that `foundation.db` makes and as the role that runs it: what row-level
security makes of a join, no superuser sees. New files are found by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections

from controlplane.foundation import db
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import scene

CONTROLPLANE = Path(db.__file__).parents[1]
FILES = sorted(path.relative_to(CONTROLPLANE).as_posix() for path in CONTROLPLANE.glob("*/sql/*.sql"))
RUNS, DAGS, TASKS = 4_000, 50, 2
LONG = {"dag_run": RUNS, "task_instance": RUNS * TASKS}
READS_ALL = {
    "maintenance/sql/drop_bundles.sql": "once a day: which bundles no run names any more",
    "maintenance/sql/drop_leftovers.sql": "once a day: what no run names any more",
}
"""Statements that read one of these tables from end to end, and why they may."""
LEAKS = {
    "alerts/sql/take_signals.sql": (
        "CASE WHEN ti.id IS NULL THEN s.ref ELSE ti.dag_run_id END",
        "coalesce(ti.dag_run_id, s.ref)",
    ),
    "ledger/sql/take_items.sql": ("= ANY (ARRAY(", "IN (("),
}
"""Conditions as they were, which row-level security keeps from the index: 0.9 s a step beside 375,000 runs."""

COPY_RUNS = """
INSERT INTO dag_run SELECT (jsonb_populate_record(r, jsonb_build_object(
  'id', app.uuid7(), 'dag_id', 'd' || n %% %(dags)s, 'run_id', 'old' || n, 'state', 'success',
  'logical_date', timestamptz '2020-01-01' + n * interval '1 hour',
  'run_after', timestamptz '2020-01-01' + n * interval '1 hour'))).*
FROM dag_run r, generate_series(1, %(runs)s) n WHERE r.id = %(run)s
"""
COPY_TASKS = """
INSERT INTO task_instance SELECT (jsonb_populate_record(t, jsonb_build_object(
  'id', app.uuid7(), 'dag_run_id', r.id, 'dag_id', r.dag_id, 'run_id', r.run_id, 'state', 'success'))).*
FROM task_instance t, dag_run r WHERE t.dag_run_id = %(run)s AND r.id <> %(run)s
"""


@pytest.fixture
def history(tenant: Tenant, superuser: Any) -> Iterator[Tenant]:
    """One run of two tasks, and very many that ended."""
    run = scene(tenant, *(specs.task(f"t{n}") for n in range(TASKS))).run
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for text in (COPY_RUNS, COPY_TASKS):
            cursor.execute(text, {"run": str(run.id), "runs": RUNS, "dags": DAGS})
        cursor.execute("SET session_replication_role = origin; ANALYZE dag_run; ANALYZE task_instance")
    yield tenant


def plan(text: str, tenant: Tenant) -> dict[str, Any]:
    """As the application or, where it may not, as the scheduler."""
    for using in ("default", "scheduler"):
        try:
            with tenant_scope(tenant.id, using=using), connections[using].cursor() as cursor:
                cursor.execute(db._SESSION.replace("SET ", "SET LOCAL "))
                cursor.execute("EXPLAIN (GENERIC_PLAN, FORMAT JSON) " + text.replace("%", "%%"), [])
                found: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
                return found
        except DatabaseError as error:
            refused = error
    raise refused


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", []):
        yield from nodes(below)


def read_whole(text: str, tenant: Tenant) -> set[str]:
    """The long tables of which the statement reads more than a fifth at once."""
    return {
        node["Relation Name"]
        for node in nodes(plan(text, tenant))
        if node["Plan Rows"] > LONG.get(node.get("Relation Name", ""), 10**9) / 5
    }


def test_no_statement_reads_a_whole_history(history: Tenant) -> None:
    whole = {file: read_whole(db.statement(file).prepared, history) for file in FILES}
    assert {file for file, tables in whole.items() if tables} == set(READS_ALL), whole
    for file, (now, before) in LEAKS.items():
        text = db.statement(file).prepared
        assert now in text
        assert read_whole(text.replace(now, before), history) == {"dag_run"}, f"{file} would be found"
