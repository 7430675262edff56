"""What a task asks of the run before its own: `depends_on_past`, `wait_for_downstream` and their exceptions.

Airflow 3.3.2's `PrevDagrunDep`, which its scheduler asks besides the trigger rule: a task whose upstreams
allow it to run stays without a state until its past allows it too. A task that its upstreams skip or fail is
skipped or fails without asking: in 3.3.2 nothing in the scheduler reads
`wait_for_past_depends_before_skipping`, so neither do we (ADR 0014).

The SQL that answers is `ledger/sql/ask_past.sql`; `tests/equivalence` compares the two, and this is the oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import Final

from taskwire.dagspec import DagSpec, TaskSpec

SUCCESSFUL: Final = frozenset({"success", "skipped"})
"""States of a past instance that let the next one go."""


class PastRule(IntFlag):
    """Stored as smallint beside the task. Never renumber: rows of DAG versions hold them."""

    NONE = 0
    DEPENDS = 1
    DOWNSTREAM = 2
    """The tasks directly below the past instance must be through as well."""
    IGNORE_FIRST = 4
    """A task that no earlier run ever had need not wait for an instance that does not exist."""
    CATCHUP = 8
    """The DAG catches up: the run before is the last one that nobody started by hand."""


def past_rule(spec: DagSpec, task: TaskSpec) -> PastRule:
    """The rule of one task of a DAG."""
    if not (task.depends_on_past or task.wait_for_downstream):
        return PastRule.NONE
    rule = PastRule.DEPENDS
    if task.wait_for_downstream:
        rule |= PastRule.DOWNSTREAM
    if task.ignore_first_depends_on_past:
        rule |= PastRule.IGNORE_FIRST
    if spec.catchup:
        rule |= PastRule.CATCHUP
    return rule


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of the DAG as the next one sees it: per task id the states of its instances (several when mapped)."""

    logical_date: datetime | None
    run_type: str
    states: dict[str, Sequence[str | None]]
    backfill_ordinal: int | None = None


def previous_run(*, rule: PastRule, run: PastRun, others: Sequence[PastRun]) -> PastRun | None:
    """The run before `run`: the latest of an earlier logical date; with catchup, of those not started by hand."""
    if run.logical_date is None:
        return None
    earlier = [
        (other.logical_date, other)
        for other in others
        if other.logical_date is not None
        and other.logical_date < run.logical_date
        and not (rule & PastRule.CATCHUP and other.run_type == "manual")
    ]
    return max(earlier, key=lambda pair: pair[0])[1] if earlier else None


def is_past_met(
    *,
    rule: PastRule,
    task_id: str,
    downstream: Sequence[str],
    start_date: datetime | None,
    run: PastRun,
    others: Sequence[PastRun],
) -> bool:
    """Whether the past lets this task of `run` go; `others` are the DAG's other runs."""
    if not rule & PastRule.DEPENDS or run.backfill_ordinal == 1:
        return True
    before = previous_run(rule=rule, run=run, others=others)
    if before is None:
        return True
    if rule & PastRule.CATCHUP and start_date is not None and _before(before.logical_date, start_date):
        return True
    states = before.states.get(task_id)
    if states is None:
        earlier = (other for other in others if _before(other.logical_date, run.logical_date))
        return bool(rule & PastRule.IGNORE_FIRST) and not any(task_id in other.states for other in earlier)
    if any(state not in SUCCESSFUL for state in states):
        return False
    if rule & PastRule.DOWNSTREAM:
        below = (state for name in downstream for state in before.states.get(name, ()))
        return all(state in SUCCESSFUL for state in below)
    return True


def _before(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one < other
