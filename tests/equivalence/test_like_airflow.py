"""Random DAGs end as Airflow 3.3.2 ends them: in the rules of `domain`, and in the ledger's SQL.

The answers were asked of Airflow's own scheduler (`tests/unit/oracle_graphs.py`): mapped task groups, also nested,
mapped tasks, branches and short circuits, setups and teardowns, all trigger rules.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taskwire.agent import Operation
from taskwire.dagspec import DagSpec
from taskwire.workload import Workload
from tests.support import invariants, specs
from tests.support.factories import make_tenant, parsed_dag
from tests.support.reference import Reference
from tests.support.walk import walk_for
from tests.unit.oracle_graphs import length_of

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "graphs.json").read_text(encoding="utf-8")
)
IN_THE_LEDGER = 120
"""As many go through the ledger; all go through the rules."""


def _spec(case: dict[str, Any]) -> dict[str, Any]:
    tasks = [{"operator": "PythonOperator", **task} for task in case["tasks"]]
    return specs.dag(f"case_{case['case']}", tasks, groups=case["groups"], max_active_tasks=1000)


def _named(key: tuple[str, int]) -> str:
    return key[0] if key[1] < 0 else f"{key[0]}[{key[1]}]"


def _skipped(case: dict[str, Any], spec: DagSpec, key: tuple[str, int]) -> list[str]:
    """Whom a branch that just succeeded names to be skipped at once: only an unmapped one does."""
    told = case["left"].get(key[0])
    if not told or key[1] >= 0:
        return []
    below = next(task.downstream for task in spec.tasks if task.task_id == key[0])
    return told.get("skipped") or [name for name in below if name not in told["followed"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_the_rules_end_it_as_airflow_does(case: dict[str, Any]) -> None:
    spec = msgspec.convert(_spec(case), DagSpec)
    reference = Reference(spec)
    reference.start()
    while active := [key for key, state in reference.states.items() if state == "active"]:
        for key in active:
            state = case["ends"].get(f"{key[0]}[{key[1]}]", "success")
            if state == "success":
                reference.skip(_skipped(case, spec, key))
                if told := case["left"].get(key[0]):
                    reference.left[key] = told
            reference.end(key, state, length_of(key[0]))
        reference.settle()
    assert {_named(key): state for key, state in reference.states.items()} == case["states"]
    assert (reference.run_state or "failed") == case["state"]


@pytest.mark.django_db
@pytest.mark.parametrize("chunk", range(0, IN_THE_LEDGER, 10))
def test_the_ledger_ends_it_as_airflow_does(database: None, chunk: int) -> None:
    tenant = make_tenant()
    walk = walk_for(tenant, name=tenant.slug)
    for case in CASES[chunk : chunk + 10]:
        told = _spec(case)
        spec = msgspec.convert(told, DagSpec)
        parsed_dag(tenant, told)
        run = walk.trigger(told["dag_id"])
        walk.run_all(lambda work, case=case, spec=spec: _outcome(work, case, spec))
        assert walk.states(run) == case["states"], case["case"]
        if None not in case["states"].values():
            assert walk.run_state(run) == case["state"], case["case"]
    invariants.check(tenant)


def _outcome(work: Workload, case: dict[str, Any], spec: DagSpec) -> tuple[str, list[Operation]]:
    assert work.task is not None
    key = (work.task.ti["task_id"], work.task.ti["map_index"])
    state = case["ends"].get(f"{key[0]}[{key[1]}]", "success")
    if state != "success":
        return state, []
    length = length_of(key[0])
    is_mapped = next(task.is_mapped for task in spec.tasks if task.task_id == key[0])
    value = {
        "key": "return_value",
        "value": list(range(length)),
        "mapped_length": None if is_mapped else length,
    }
    before = [Operation(kind="xcom_set", body=value)]
    if told := case["left"].get(key[0]):
        before.append(Operation(kind="xcom_set", body={"key": "skipmixin_key", "value": told}))
    if skipped := _skipped(case, spec, key):
        before.append(Operation(kind="skip_downstream", body={"tasks": skipped}))
    return "success", before
