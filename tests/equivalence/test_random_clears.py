"""Random DAGs whose tasks are cleared and marked at random, over and running ones: the ledger and the reference agree.

After each change the states are compared, every invariant is looked at, and the run goes on to its end.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from controlplane.foundation.clock import utc_now
from controlplane.runs.choose import Scope, newest_spec
from controlplane.runs.clear import clear_scope
from controlplane.runs.mark import mark_tasks
from domain.subset import Relatives
from taskwire.agent import Operation
from taskwire.dagspec import DagSpec
from taskwire.workload import Workload
from tenants.scope import tenant_scope
from tests.equivalence.test_random_dags import Shape, _compare, _key, _outcome, _spec, shapes
from tests.support import invariants
from tests.support.factories import make_tenant, parsed_dag
from tests.support.reference import Key, Reference
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


class ByHand(Reference):
    """A run that people change: what a new try of a task finds is nothing of its old ones."""

    stays_over = False
    """Something of it was marked after it was over, and nothing failed below: as in Airflow its state stays."""

    def clear(self, keys: list[Key]) -> None:
        for key in keys:
            self.states[key] = None

    def marked(self, task_id: str, state: str, *, upstream: bool, downstream: bool) -> list[Key]:
        """What a mark changes: the task, all above it, and all below it but teardowns."""
        relatives = Relatives(self.spec)
        names = {task_id}
        if upstream:
            names |= relatives.above(task_id)
        if downstream:
            names |= {one for one in relatives.below(task_id) if not self.tasks[one].is_teardown}
        return [k for k, was in self.states.items() if k[0] in names and was != state]

    def mark(self, task_id: str, state: str, changed: list[Key]) -> None:
        self.states |= dict.fromkeys(changed, state)
        again = Relatives(self.spec).subset([task_id], downstream=True) - {task_id}
        self.clear(
            [k for k, s in self.states.items() if k[0] in again and s in ("failed", "upstream_failed")]
        )

    def begin(self, key: Key) -> None:
        """What its last try pushed is gone when the next one begins, not before: others may still read it."""
        self.returned.pop(key, None)
        self.left.pop(key, None)


def _length(key: Key) -> int:
    """Each instance returns the same whenever it runs: revised expansions have tests of their own."""
    return Random(repr(key)).randint(0, 3)


def _work(walk: Walk, reference: ByHand, running: dict[Key, Workload], random: Random) -> None:
    """Some of the running attempts end, one after another."""
    for key in random.sample(sorted(running), random.randint(1, len(running))):
        state, skipped = _outcome(reference, key, random)
        value = {"key": "return_value", "value": [0] * _length(key), "mapped_length": _length(key)}
        # As in Airflow, what an attempt returns is pushed when it has not failed.
        before = [Operation(kind="xcom_set", body=value)] if state == "success" else []
        if skipped:
            left = {"key": "skipmixin_key", "value": {"skipped": skipped}}
            before.append(Operation(kind="xcom_set", body=left))
            before.append(Operation(kind="skip_downstream", body={"tasks": skipped}))
        assert walk.say(running.pop(key), state, *before).verdict == "accepted"
        reference.skip(skipped)
        if skipped:
            reference.left[key] = {"skipped": skipped}
        reference.end(key, state, _length(key))
    walk.schedule()
    reference.settle()


def _let_go(walk: Walk, running: dict[Key, Workload], keys: list[Key]) -> None:
    """What was stopped has ended; nothing it says counts."""
    for key in keys:
        if key in running:
            assert walk.say(running.pop(key), "success").reason == "superseded"


def _change(walk: Walk, run: Any, reference: ByHand, running: dict[Key, Workload], random: Random) -> None:
    if random.random() < 0.25:
        task_id, state = (
            random.choice(sorted(reference.tasks)),
            random.choice(["success", "failed", "skipped"]),
        )
        far = {"upstream": random.random() < 0.3, "downstream": random.random() < 0.3}
        keys = reference.marked(task_id, state, **far)
        with tenant_scope(walk.tenant.id):
            spec = newest_spec("random")
            mark_tasks(spec=spec, run=run, tasks=[task_id], state=state, by="me", now=utc_now(), **far)
        reference.mark(task_id, state, keys)
    else:
        keys = random.sample(sorted(reference.states), random.randint(1, len(reference.states)))
        scope = Scope(dag_id="random", run_id=run.run_id, tasks=keys)
        with tenant_scope(walk.tenant.id):
            assert len(clear_scope(scope=scope, by="me", now=utc_now())) == len(keys)
        reference.clear(keys)
    said = [run.run_id] if walk.run_state(run) in ("success", "failed") else []
    reference.stays_over = bool(said)
    invariants.check(walk.tenant, said=said)
    _let_go(walk, running, keys)
    walk.schedule()
    reference.settle()
    invariants.check(walk.tenant, at_rest=True, said=said)
    _compare(walk, run, reference)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shape=shapes())
def test_the_ledger_and_the_rules_agree_about_runs_changed_by_hand(database: None, shape: Shape) -> None:
    tenant = make_tenant()
    told = _spec("random", shape)
    parsed_dag(tenant, told)
    walk = walk_for(tenant, name=tenant.slug)
    reference = ByHand(msgspec.convert(told, DagSpec))
    run = walk.trigger("random")
    walk.schedule()
    reference.start()
    running: dict[Key, Workload] = {}
    changes = 3
    while True:
        claimed = {_key(work): work for work in walk.claim()}
        for key in claimed:
            reference.begin(key)
        running |= claimed
        if changes and (not running or shape.random.random() < 0.3):
            changes -= 1
            _change(walk, run, reference, running, shape.random)
            continue
        if not running:
            break
        _work(walk, reference, running, shape.random)
        _compare(walk, run, reference)
    if not reference.stays_over and reference.run_state is not None:
        assert walk.run_state(run) == reference.run_state
    invariants.check(tenant, at_rest=True, said=[run.run_id] if reference.stays_over else [])
