"""What changes by hand leave in the audit chain: which task instances, in which states they were, what they got.

Called by clear, mark and delete, inside the tenant's scope and before the change: a change of thousands of instances
is one row with counts, and names the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count

from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.audit.record import Fields, record_change

NAMED = 50


def record_instances(*, action: str, ids: Sequence[UUID], after: Fields | None) -> None:
    """One row about these instances. Nothing for none."""
    if not ids:
        return
    rows = TaskInstance.objects.filter(id__in=ids)
    states = {
        state or "none": count for state, count in rows.values_list("state").annotate(Count("id")).order_by()
    }
    first = list(rows.order_by("id").values_list("dag_id", "run_id", "task_id", "map_index")[:NAMED])
    runs = sorted({(dag_id, run_id) for dag_id, run_id, *_ in first})
    dags = sorted({dag_id for dag_id, _ in runs})
    one_run = len(runs) == 1 and len(first) == len(ids)
    record_change(
        action=action,
        target=f"run:{runs[0][0]}/{runs[0][1]}" if one_run else f"dag:{dags[0] if dags else ''}",
        before={"states": states},
        after=after,
        detail={
            "instances": len(ids),
            "runs": [run_id for _, run_id in runs],
            "tasks": [f"{task}[{index}]" if index >= 0 else task for _, _, task, index in first],
        },
    )


def record_run(
    *, action: str, run: DagRun, before: Fields | None = None, after: Fields | None = None
) -> None:
    """One row about one run."""
    record_change(action=action, target=f"run:{run.dag_id}/{run.run_id}", before=before, after=after)


def told_of(run: DagRun) -> dict[str, Any]:
    """What a person or a task asked for when they made it."""
    return {
        "run_type": run.run_type,
        "state": run.state,
        "logical_date": run.logical_date,
        "run_after": run.run_after,
        "conf": run.conf,
        "note": run.note,
        "partition_key": run.partition_key,
        "triggered_by": run.triggered_by,
    }
