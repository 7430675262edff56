"""Runs go on with the newest version of their DAG, and with the bundle that is deployed now.

Airflow calls it `run_on_latest_version` and `verify_integrity`. Before: rounds are excluded, the runs are held.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from controlplane.ledger import clearing
from controlplane.ledger.clearing import HeldRun
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.task_instance import TaskInstance
from domain.states import TERMINAL_TASK

_OVER = {str(state) for state in TERMINAL_TASK}


def move_to_newest(*, runs: Sequence[HeldRun]) -> list[UUID]:
    """Move these runs; returns held instances that are to be removed: their tasks are gone.

    In a run that is running, what has ended stays as it ended.
    """
    gone: list[UUID] = []
    by_dag: dict[str, list[HeldRun]] = {}
    for run in runs:
        by_dag.setdefault(run.dag_id, []).append(run)
    rows = Dag.objects.select_related("bundle_version__runtime").filter(dag_id__in=by_dag)
    for dag in rows:
        if dag.current_version_id is None or dag.bundle_version is None:
            continue
        mine = by_dag[dag.dag_id]
        everything = TaskInstance.objects.filter(dag_run_id__in=[run.id for run in mine])
        clearing.hold_tasks(ids=list(everything.values_list("id", flat=True)))
        runtime = dag.bundle_version.runtime
        for running in (True, False):
            chosen = [run.id for run in mine if (run.state == "running") == running]
            if chosen:
                without = clearing.move_runs(
                    runs=chosen,
                    version=dag.current_version_id,
                    bundle=dag.bundle_version.id,
                    runtime_digest=runtime.digest if runtime else "",
                )
                gone += [one for one, state in without if not (running and state in _OVER)]
    return gone
