"""Random backfills: which of their runs run, after every step, is what a few lines of Python say.

Ends in any order, pauses, changed bounds, a cancel, runs of the DAG's own in between, forwards and backwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag_run import DagRun
from controlplane.runs.backfill import (
    Asked,
    bound_backfill,
    cancel_backfill,
    create_backfill,
    pause_backfill,
)
from taskwire.workload import Workload
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import make_tenant, parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Reference:
    """A backfill of days, and the DAG's own runs beside it: each within its own bound."""

    days: list[int]
    bound: int
    own_bound: int
    states: dict[int, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    is_paused: bool = False
    is_over: bool = False

    def __post_init__(self) -> None:
        self.states = dict.fromkeys(self.days, "queued")

    def settle(self) -> None:
        while not self.is_paused and self._running() < self.bound and "queued" in self.states.values():
            self.states[next(day for day in self.days if self.states[day] == "queued")] = "running"
        while list(self.own.values()).count("running") < self.own_bound and "queued" in self.own.values():
            self.own[next(name for name, state in self.own.items() if state == "queued")] = "running"
        if not {"queued", "running"} & set(self.states.values()):
            self.is_over = True

    def cancel(self) -> None:
        self.states |= {day: "failed" for day, state in self.states.items() if state == "queued"}
        self.is_paused = self.is_over = True

    def _running(self) -> int:
        return list(self.states.values()).count("running")


def _compare(walk: Walk, reference: Reference) -> None:
    with tenant_scope(walk.tenant.id):
        rows = list(DagRun.objects.values_list("run_id", "run_type", "logical_date", "state"))
        is_over = Backfill.objects.get().completed_at is not None
    days = {date.day: state for _, kind, date, state in rows if kind == "backfill" and date}
    assert days == reference.states
    assert {name: state for name, kind, _, state in rows if kind == "manual"} == reference.own
    assert is_over is reference.is_over


def _step(walk: Walk, reference: Reference, held: dict[str, Workload], serial: int, random: Random) -> None:
    """Something happens, or one of the running tasks ends."""
    now = utc_now()
    act = random.choice(["end", "end", "end", "end", "bound", "pause", "own", "cancel"])
    if act == "own" and len(reference.own) < 4:
        name = f"own{len(reference.own)}"
        walk.trigger("daily", run_id=name)
        reference.own[name] = "queued"
    elif act in ("bound", "pause", "cancel") and not reference.is_over:
        with tenant_scope(walk.tenant.id):
            if act == "bound":
                reference.bound = random.randint(1, 4)
                bound_backfill(serial=serial, max_active_runs=reference.bound, now=now)
            elif act == "pause":
                reference.is_paused = not reference.is_paused
                pause_backfill(serial=serial, is_paused=reference.is_paused, now=now)
            elif random.random() < 0.3:
                cancel_backfill(serial=serial, now=now)
                reference.cancel()
    elif held:
        run_id = random.choice(sorted(held))
        state = random.choice(["success", "failed"])
        assert walk.say(held.pop(run_id), state).verdict == "accepted"
        if run_id in reference.own:
            reference.own[run_id] = state
        else:
            with tenant_scope(walk.tenant.id):
                date = DagRun.objects.values_list("logical_date", flat=True).get(run_id=run_id)
            assert date is not None
            reference.states[date.day] = state


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    length=st.integers(1, 9),
    bound=st.integers(1, 4),
    own_bound=st.integers(1, 2),
    backwards=st.booleans(),
    random=st.randoms(use_true_random=False),
)
def test_a_backfill_keeps_to_its_order_and_its_bound(
    database: None, length: int, bound: int, own_bound: int, backwards: bool, random: Random
) -> None:
    tenant = make_tenant()
    values = {"timetable": DAILY, "is_paused_upon_creation": False, "max_active_runs": own_bound}
    parsed_dag(tenant, specs.dag("daily", [specs.task("only")], **values))
    walk = walk_for(tenant, name=tenant.slug)
    to_date = FIRST + timedelta(days=length - 1)
    asked = Asked("daily", FIRST, to_date, backwards=backwards, max_active_runs=bound)
    with tenant_scope(tenant.id):
        serial = create_backfill(asked=asked, user=None, now=utc_now()).serial
    days = list(range(1, length + 1))
    reference = Reference(days[::-1] if backwards else days, bound, own_bound)
    held: dict[str, Workload] = {}
    for _ in range(200):
        walk.schedule()
        reference.settle()
        _compare(walk, reference)
        held |= {str(work.task.ti["run_id"]): work for work in walk.claim() if work.task}
        if reference.is_over and not held:
            break
        _step(walk, reference, held, serial, random)
    invariants.check(tenant, at_rest=True)
