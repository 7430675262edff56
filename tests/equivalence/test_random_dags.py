"""Random DAGs and histories through the ledger's SQL and through a plain Python reference: the same states.

Both are compared after every step, not only at the end: what wakes when is part of the promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.trigger_rules import RULE_CODES
from taskwire.agent import Operation, Report
from taskwire.dagspec import DagSpec
from taskwire.workload import Workload
from tests.support import invariants, specs
from tests.support.factories import make_tenant, parsed_dag
from tests.support.reference import Key, Reference
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

ACTIVE = {"scheduled", "queued", "running"}


@dataclass
class Shape:
    """A drawn DAG: the tasks in topological order, its groups, and what decides its history."""

    tasks: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    random: Random


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(1, 9))
    names = [f"t{number}" for number in range(count)]
    group_length = draw(st.integers(0, 3))
    source = names[0] if count > 2 and draw(st.booleans()) else None
    over = {"kind": "xcom", "task_id": source} if source else {"kind": "literal", "length": group_length}
    tasks: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        later = names[number + 1 :]
        below = draw(st.lists(st.sampled_from(later), unique=True, max_size=4)) if later else []
        kinds = [
            "plain",
            "plain",
            "plain",
            "empty",
            "mapped",
            "setup",
            "teardown",
            "branch",
            "inside",
            "inside",
        ]
        kind = draw(st.sampled_from(kinds)) if name != source else "plain"
        rule = "all_done_setup_success" if kind == "teardown" else draw(st.sampled_from(sorted(RULE_CODES)))
        fields: dict[str, Any] = {
            "trigger_rule": rule,
            "is_empty": kind == "empty",
            "is_setup": kind == "setup",
            "is_teardown": kind == "teardown",
            "can_skip_downstream": kind == "branch",
            "retries": draw(st.integers(0, 2)),
            "retry_delay_seconds": 0.0,
        }
        if kind == "mapped":
            fields |= {"is_mapped": True, "expand": {"kind": "literal", "length": draw(st.integers(0, 3))}}
        if kind == "inside":
            fields |= {"group_id": "g", "mapped_group_ids": ["g"]}
        tasks.append(specs.task(name, *below, **fields))
    if source:
        inside = [one["task_id"] for one in tasks if "group_id" in one]
        tasks[0]["downstream"] = sorted({*tasks[0]["downstream"], *inside})
    groups = [{"group_id": "g", "is_mapped": True, "expand": over}]
    return Shape(tasks, groups, Random(draw(st.integers(0, 2**32))))


def _spec(dag_id: str, shape: Shape) -> dict[str, Any]:
    return specs.dag(dag_id, shape.tasks, groups=shape.groups, max_active_tasks=100)


def _outcome(reference: Reference, key: Key, random: Random) -> tuple[str, list[str]]:
    """How an attempt ends, and what it skips below it."""
    below = reference.tasks[key[0]].downstream
    draw = random.random()
    if draw < 0.25:
        return ("up_for_retry" if reference.may_retry(key) else "failed"), []
    if draw < 0.35:
        return "skipped", []
    if draw < 0.6 and below and key[1] < 0:
        return "success", random.sample(below, random.randint(1, len(below)))
    return "success", []


def _key(work: Workload) -> Key:
    assert work.task is not None
    return work.task.ti["task_id"], work.task.ti["map_index"]


def _step(walk: Walk, reference: Reference, running: dict[Key, Workload], random: Random) -> None:
    """Some of the running attempts end, in any order, in one batch."""
    ending = random.sample(sorted(running), random.randint(1, len(running)))
    reports, skips = [], []
    for key in ending:
        state, skipped = _outcome(reference, key, random)
        work = running.pop(key)
        length = random.randint(0, 3)
        value = {"key": "return_value", "value": [0] * length, "mapped_length": length}
        operations = [Operation(kind="xcom_set", body=value), Operation(kind="state", body={"state": state})]
        if skipped:
            left = {"key": "skipmixin_key", "value": {"skipped": skipped}}
            operations.insert(0, Operation(kind="xcom_set", body=left))
            operations.insert(0, Operation(kind="skip_downstream", body={"tasks": skipped}))
        reports.append(Report(id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=operations))
        skips.append((key, state, skipped, length))
    assert [v.verdict for v in walk.report(*reports)] == ["accepted"] * len(reports)
    for key, _, skipped, _ in skips:
        reference.skip(skipped)
        if skipped:
            reference.left[key] = {"skipped": skipped}
    for key, state, _, length in skips:
        reference.end(key, state, length)
    walk.schedule()
    reference.settle()


def _compare(walk: Walk, run: Any, reference: Reference) -> None:
    seen = {key: "active" if state in ACTIVE else state for key, state in walk.states(run).items()}
    wanted = {f"{t}[{m}]" if m >= 0 else t: state for (t, m), state in reference.states.items()}
    assert seen == wanted


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shape=shapes())
def test_the_ledger_and_the_rules_agree(database: None, shape: Shape) -> None:
    tenant = make_tenant()  # one each: nothing of an example that failed is in the way of the next
    told = _spec("random", shape)
    parsed_dag(tenant, told)
    walk = walk_for(tenant, name=tenant.slug)
    reference = Reference(msgspec.convert(told, DagSpec))
    run = walk.trigger("random")
    walk.schedule()
    reference.start()
    _compare(walk, run, reference)
    running: dict[Key, Workload] = {}
    while True:
        running |= {_key(work): work for work in walk.claim()}
        if not running:
            break
        _step(walk, reference, running, shape.random)
        _compare(walk, run, reference)
    if reference.run_state is not None:  # else it waits for what never comes
        assert walk.run_state(run) == reference.run_state
    invariants.check(tenant, at_rest=True)
