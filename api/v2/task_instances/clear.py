"""POST /dags/{dag_id}/clearTaskInstances."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from api.v2.task_instances.answer import collection, newest, of_version
from api.v2.task_instances.changes import ClearBody
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.choose import FAILED, Marker, Scope, ids_of, instances, with_relatives
from controlplane.runs.clear import TaskRunning, clear_scope, rerun_with_latest
from domain.subset import Relatives
from taskwire.dagspec import DagSpec

_BUSY = (
    "AirflowClearRunningTaskException: Disable 'prevent_running_task' to proceed, or wait until the task is not "
    "running, queued, or scheduled state."
)


@operation(
    "runs.edit",
    event="post_clear_task_instances",
    dry_by_default=True,
    records=(
        "dag_run_id",
        "task_ids",
        "start_date",
        "end_date",
        "only_failed",
        "only_running",
        "reset_dag_runs",
        "include_upstream",
        "include_downstream",
        "include_future",
        "include_past",
        "run_on_latest_version",
        "note",
    ),
)
def post_clear_task_instances(call: Call, dag_id: str) -> Any:
    """Clear task instances of a run, or by logical dates; by default only say which."""
    body = call.body(ClearBody)
    spec = newest(dag_id)
    latest = rerun_with_latest(dag_id=dag_id, wanted=body.run_on_latest_version)
    start, end = body.start_date, body.end_date
    if body.dag_run_id is not None:
        run = DagRun.objects.filter(dag_id=dag_id, run_id=body.dag_run_id).first()
        if run is None:
            raise not_found(f"Dag Run id {body.dag_run_id} not found in dag {dag_id}")
        spec = of_version(dag_id, run.dag_version_id)
        if (body.include_past or body.include_future) and run.logical_date is None:
            raise Refusal(
                400,
                "Cannot use include_past or include_future with no logical_date(e.g. manually or asset-triggered).",
            )
        start = end = run.logical_date
    one_run = body.dag_run_id is not None and not (body.include_past or body.include_future)
    scope = Scope(
        dag_id=dag_id,
        run_id=body.dag_run_id if one_run else None,
        start_date=None if one_run or body.include_past else start,
        end_date=None if one_run or body.include_future else end,
        tasks=_tasks(body, spec),
        states=(*(FAILED if body.only_failed else ()), *(("running",) if body.only_running else ())),
    )
    if body.dry_run:
        return collection([one for one, _ in ids_of(instances(scope))])
    try:
        ids = clear_scope(
            scope=scope,
            by=call.access.name,
            now=call.now,
            requeue=body.reset_dag_runs,
            latest=latest,
            spare_running=body.prevent_running_task,
        )
    except TaskRunning as error:
        raise Refusal(409, _BUSY) from error
    if body.note is not None:
        TaskInstance.objects.filter(id__in=ids).update(note=body.note or None)
    return collection(ids)


def _tasks(body: ClearBody, spec: DagSpec) -> list[Marker] | None:
    """The tasks that were named, with their relatives where asked for, and the setups and teardowns they need."""
    if body.task_ids is None:
        return None
    markers = with_relatives(
        spec=spec,
        markers=body.task_ids,
        run_id=body.dag_run_id,
        upstream=body.include_upstream,
        downstream=body.include_downstream,
    )
    names = {one if isinstance(one, str) else one[0] for one in markers}
    return [*markers, *sorted(Relatives(spec).subset(names) - names)]
