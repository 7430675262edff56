"""What resuming a DAG would set off: how many runs are due at once. Asked before, so that nobody is surprised.

A paused DAG with catchup plans every interval it has missed. They are created a few at a time and begin within
`max_active_runs` (`runs.plan`), but they are created. Called by the portal. Before: inside a tenant scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controlplane.ledger.models.dag import Dag
from controlplane.runs.pause import set_paused
from controlplane.runs.plan import read_plans
from controlplane.runs.trigger import DagUnknown
from domain.timetables.instants import NextRun

MOST_COUNTED = 500
"""Due runs that are counted one by one; what lies beyond is estimated from how far apart these are."""
ASK_ABOVE = 25
"""A resume that would create more runs than this asks to be confirmed."""


class ConfirmationNeeded(ValueError):
    """Resuming would create many runs; `due` says how many. Ask again with a confirmation."""

    def __init__(self, due: Due) -> None:
        super().__init__(
            f"Resuming creates {due.words} run(s), {due.at_once} at a time: confirm it, "
            "or set catchup=False on the DAG to run the latest interval only."
        )
        self.due = due


@dataclass(frozen=True, slots=True)
class Due:
    """`runs` were counted; `more` says that there are others, `about` how many in all. None: only the tenant's
    runtime knows, for the timetable is the tenant's own. `at_once` is the DAG's max_active_runs."""

    runs: int | None
    more: bool
    about: int | None
    first: datetime | None
    at_once: int

    @property
    def words(self) -> str:
        return f"about {self.about}" if self.more else str(self.runs)


def count_due(*, dag_id: str, now: datetime) -> Due:
    """The runs that would be created if the DAG went on now; one statement and some arithmetic.

    Raises DagUnknown.
    """
    dag = Dag.objects.filter(dag_id=dag_id).first()
    if dag is None:
        raise DagUnknown(f"There is no DAG {dag_id!r}.")
    found: list[NextRun] = []
    for plan in read_plans(dags=[dag.id], using="default", paused=True):
        if plan.schedule.timetable.kind == "custom":
            return Due(None, False, None, None, dag.max_active_runs)
        run = plan.next(now)
        while isinstance(run, NextRun) and run.run_after <= now and len(found) < MOST_COUNTED:
            found.append(run)
            plan.last = run.last
            run = plan.next(now)
    more = len(found) == MOST_COUNTED
    about = len(found)
    if more:
        step = (found[-1].run_after - found[0].run_after) / (len(found) - 1)
        about += int((now - found[-1].run_after) / step) if step else 0
    return Due(len(found), more, about, found[0].run_after if found else None, dag.max_active_runs)


def resume(*, dag_id: str, confirmed: bool, now: datetime) -> Due:
    """Resume the DAG. Raises DagUnknown, and ConfirmationNeeded when it was not confirmed and is due a lot."""
    due = count_due(dag_id=dag_id, now=now)
    if not confirmed and (due.runs or 0) > ASK_ABOVE:
        raise ConfirmationNeeded(due)
    set_paused(dag_id=dag_id, is_paused=False, now=now)
    return due
