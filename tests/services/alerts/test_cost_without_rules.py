"""What alerts cost where nobody asked for any: no statement more, nothing written, one look into a partial index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import statement
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.alert_signal import AlertSignal
from controlplane.ledger.models.work_item import WorkItem
from domain.alerting.rules import KINDS
from tenants.scope import tenant_scope
from tests.support.alerting import Desk
from tests.support.queries import QueryCounter


def written(desk: Desk) -> tuple[int, int]:
    with tenant_scope(desk.tenant.id):
        return AlertSignal.objects.count(), WorkItem.objects.filter(kind="alert").count()


@contextmanager
def statements() -> Iterator[list[str]]:
    """The names of the statements that ran, on all aliases."""
    names: list[str] = []

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        if str(sql).startswith("EXECUTE "):
            names.append(str(sql).split()[1].split("(")[0])
        return execute(sql, *rest)

    wrappers = [connections[alias].execute_wrapper(note) for alias in ("default", "scheduler")]
    with wrappers[0], wrappers[1]:
        yield names


def test_a_failure_runs_the_same_statements_with_and_without_rules(desk: Desk) -> None:
    desk.dag("etl")
    desk.run("etl")  # statements are prepared
    ran = []
    for kinds in ((), ("budget_burn",), ("run_failed", "task_failed")):
        with tenant_scope(desk.tenant.id):
            AlertRule.objects.all().delete()
            AlertSignal.objects.all().delete()
            WorkItem.objects.filter(kind="alert").delete()
        for kind in kinds:
            desk.rule(kind)
        with statements() as names:
            desk.run("etl")
        ran.append((sorted(name for name in names if "signal" not in name), written(desk)))
    assert ran[0] == ran[1], "a rule of another kind costs nothing"
    assert ran[0][1] == (0, 0)
    assert ran[2][1][0] == 2, "the control: with rules the run's and the task's failures are signals"
    assert set(ran[2][0]) - set(ran[0][0]) <= {"ledger_add_items", "scheduler_next_items"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_no_rule_that_is_on_wants_is_not_inserted(desk: Desk, kind: str) -> None:
    """As the database itself says, with rules of every other kind, and one of this kind that is off."""
    for other in sorted(KINDS.keys() - {kind}):
        desk.rule(other)
    with tenant_scope(desk.tenant.id), connections["default"].cursor() as cursor:
        AlertRule.objects.filter(kind=kind).delete()
        desk_rule_off = AlertRule(
            tenant=desk.tenant,
            name="off",
            kind=kind,
            is_enabled=False,
            created_at=utc_now(),
            updated_at=utc_now(),
        )
        desk_rule_off.save(force_insert=True)
        given = {"kind": kind, "ref": None, "dag_id": None, "subject": "", "detail": "{}", "now": utc_now()}
        text = statement("ledger/sql/tell_signal.sql").text
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", given)
        answer = cursor.fetchone()[0]
    plan = (answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"]
    nodes = list(_nodes(plan))
    assert {node["Actual Rows"] for node in nodes if node["Node Type"] == "ModifyTable"} == {0}
    assert written(desk) == (0, 0)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def test_telling_is_one_statement(desk: Desk, count_queries: QueryCounter) -> None:
    from controlplane.ledger import alerting

    with tenant_scope(desk.tenant.id):
        alerting.tell(kind="secret_failed", now=utc_now())
        with count_queries(1):
            assert alerting.tell(kind="secret_failed", now=utc_now()) is False
