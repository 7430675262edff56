"""Random DAGs whose tasks depend on their past, several runs at once: the ledger and the rules agree at every step.

Everything of `test_random_dags` is drawn too: mapped groups, setups and teardowns, branches, retries, all rules; and sensors
that are rescheduled.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from controlplane.foundation.clock import utc_now
from domain.past import PastRun, is_past_met, past_rule
from domain.trigger_rules import Decision
from taskwire.agent import Operation, Report
from taskwire.dagspec import DagSpec
from taskwire.workload import Workload
from tests.equivalence.test_random_dags import Shape, _compare, _key, _outcome, _spec, shapes
from tests.support import invariants
from tests.support.factories import make_tenant, parsed_dag
from tests.support.reference import ENDS, Key, Reference
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
RUNS = 3
SEEN = {"waited": 0, "went": 0, "rescheduled": 0}
"""How often a task had to wait for its past, how often one that asks could go, and how often one was rescheduled."""


class OneOfMany(Reference):
    """One run of several, which asks the one before. `others` are all of them, itself too."""

    date: datetime
    others: list[OneOfMany]

    @property
    def past(self) -> PastRun:
        states: dict[str, list[str | None]] = {}
        for (task_id, _), state in self.states.items():
            states.setdefault(task_id, []).append(state)
        return PastRun(logical_date=self.date, run_type="manual", states=states)

    def settle(self) -> None:
        """A sensor that was rescheduled goes on in the same try."""
        self.states |= {key: "active" for key, state in self.states.items() if state == "up_for_reschedule"}
        super().settle()

    def _decide(self, key: Key) -> Decision:
        decision = super()._decide(key)
        task = self.tasks[key[0]]
        rule = past_rule(self.spec, task)
        if decision is Decision.WAIT or decision in ENDS or not rule:
            return decision
        met = is_past_met(
            rule=rule,
            task_id=key[0],
            downstream=task.downstream,
            start_date=None,
            run=self.past,
            others=[other.past for other in self.others if other is not self],
        )
        SEEN["went" if met else "waited"] += 1
        return decision if met else Decision.WAIT


def _with_past(shape: Shape) -> dict[str, Any]:
    """The drawn DAG, some of whose tasks ask their past."""
    for task in shape.tasks:
        draw = shape.random.random()
        task["depends_on_past"] = draw < 0.5
        task["wait_for_downstream"] = draw < 0.2
    return _spec("random", shape)


def _step(
    walk: Walk, references: dict[str, OneOfMany], running: dict[tuple[str, Key], Workload], random: Random
) -> None:
    """Some of the running attempts of all runs end, in one batch."""
    reports, said = [], []
    for place in random.sample(sorted(running), random.randint(1, len(running))):
        run, key = place
        state, skipped = _outcome(references[run], key, random)
        if state == "failed" and random.random() < 0.7:
            state = "success"  # else most later runs would only wait
        if random.random() < 0.15:
            state, skipped = "up_for_reschedule", []
        work, length = running.pop(place), random.randint(0, 3)
        value = {"key": "return_value", "value": [0] * length, "mapped_length": length}
        ended = {"state": state, "reschedule_date": utc_now().isoformat()}
        operations = [Operation(kind="xcom_set", body=value), Operation(kind="state", body=ended)]
        if state == "up_for_reschedule":
            del operations[0]
            SEEN["rescheduled"] += 1
        if skipped:
            left = {"key": "skipmixin_key", "value": {"skipped": skipped}}
            operations.insert(0, Operation(kind="xcom_set", body=left))
            operations.insert(0, Operation(kind="skip_downstream", body={"tasks": skipped}))
        reports.append(Report(id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=operations))
        said.append((references[run], key, state, skipped, length))
    assert [v.verdict for v in walk.report(*reports)] == ["accepted"] * len(reports)
    for reference, key, _, skipped, _ in said:
        reference.skip(skipped)
        if skipped:
            reference.left[key] = {"skipped": skipped}
    for reference, key, state, _, length in said:
        reference.end(key, state, length)
    walk.schedule()
    for reference in references.values():
        reference.settle()


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shape=shapes())
def _the_ledger_and_the_rules_agree(database: None, shape: Shape) -> None:
    tenant = make_tenant()
    told = _with_past(shape)
    parsed_dag(tenant, told)
    walk = walk_for(tenant, name=tenant.slug)
    spec = msgspec.convert(told, DagSpec)
    dates = [FIRST + timedelta(days=n) for n in range(RUNS)]
    runs = {
        f"r{n}": walk.trigger("random", run_id=f"r{n}", logical_date=date) for n, date in enumerate(dates)
    }
    references = {f"r{n}": OneOfMany(spec) for n in range(RUNS)}
    for reference, date in zip(references.values(), dates, strict=True):
        reference.date, reference.others = date, list(references.values())
    walk.schedule()
    for reference in references.values():
        reference.start()
    running: dict[tuple[str, Key], Workload] = {}
    while True:
        for name, run in runs.items():
            _compare(walk, run, references[name])
        running |= {(work.task.ti["run_id"], _key(work)): work for work in walk.claim() if work.task}
        if not running:
            break
        _step(walk, references, running, shape.random)
    for name, run in runs.items():
        if references[name].run_state is not None:
            assert walk.run_state(run) == references[name].run_state
    invariants.check(tenant, at_rest=True)


def test_the_ledger_and_the_rules_agree_about_runs_that_wait_for_each_other(database: None) -> None:
    _the_ledger_and_the_rules_agree(database)
    assert min(SEEN.values()) > 20, f"otherwise this compares nothing: {SEEN}"
