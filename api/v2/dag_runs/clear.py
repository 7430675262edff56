"""POST …/{dag_run_id}/clear, …/clearDagRuns and …/clearPartitions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from api.v2.dag_runs.changes import BulkClearBody, ClearBody, ClearPartitionsBody, Partitions
from api.v2.dag_runs.shape import run_responses
from api.v2.dag_runs.views import read_run
from api.v2.operation import Call, operation
from api.v2.query import aware
from api.v2.refusals import Refusal
from api.v2.task_instances.answer import NO_PAGES, newest, responses
from api.v2.task_instances.search import all_instances
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.choose import FAILED
from controlplane.runs.clear import clear_new_tasks, clear_run, rerun_with_latest

_RECORDS = ("only_failed", "only_new", "run_on_latest_version", "note")


@operation("runs.edit", event="clear_dag_run", dry_by_default=True, records=_RECORDS)
def clear_dag_run(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """A run begins anew; by default only say what that would be."""
    body = call.body(ClearBody)
    run = read_run(dag_id, dag_run_id)
    if body.dry_run:
        found = _would_clear(run, body)
        return {"task_instances": found, "total_entries": len(found)}
    return run_responses([_clear(call, run, body)])[0]


@operation(
    "runs.edit", event="clear_dag_runs", dry_by_default=True, records=(*_RECORDS, "dag_runs", "partition_key")
)
def clear_dag_runs(call: Call, dag_id: str) -> Any:
    """The same for many runs; with `~` each says which DAG it is of."""
    body = call.body(BulkClearBody)
    runs = [read_run(*key) for key in _named(dag_id, body)]
    if body.dry_run:
        found = [one for run in runs for one in _would_clear(run, body)]
        return {"task_instances": found, "total_entries": len(found)}
    cleared = [_clear(call, run, body) for run in runs]
    return {"dag_runs": run_responses(cleared), "total_entries": len(cleared), **NO_PAGES}


def _named(dag_id: str, body: BulkClearBody) -> list[tuple[str, str]]:
    if not body.dag_runs:
        return _of_partition(dag_id, body)
    keys: dict[tuple[str, str], None] = {}
    for one in body.dag_runs:
        if dag_id == "~" and one.dag_id in (None, "~"):
            raise Refusal(
                400,
                "When the URL dag_id is '~', every entry must provide a concrete dag_id "
                f"(missing on dag_run_id: {one.dag_run_id!r}).",
            )
        named = one.dag_id or dag_id
        if dag_id not in ("~", named):
            raise Refusal(400, f"Entry dag_id {named!r} does not match the URL dag_id {dag_id!r}.")
        keys[named, one.dag_run_id] = None
    return list(keys)


@operation(
    "runs.edit",
    event="clear_dag_run_partitions",
    dry_by_default=True,
    records=("run_id", "partition_key", "partition_date_start", "partition_date_end", "clear_task_instances"),
)
def clear_dag_run_partitions(call: Call, dag_id: str) -> Any:
    """Runs forget their partition; on request their tasks begin anew."""
    body = call.body(ClearPartitionsBody)
    newest(dag_id)
    rows = DagRun.objects.filter(dag_id=dag_id)
    rows = rows.filter(run_id=body.run_id) if body.run_id is not None else _partitioned(rows, body)
    runs = list(rows.order_by("id"))
    told = [run for run in runs if run.partition_key is not None or run.partition_date is not None]
    found = []
    if body.clear_task_instances:
        ids = [run.id for run in runs]
        if body.dry_run:
            found = list(TaskInstance.objects.filter(dag_run_id__in=ids).values_list("id", flat=True))
        else:
            by, now = call.access.name, call.now
            found = [one for run in runs for one in clear_run(run=run, by=by, now=now)]
    if not body.dry_run:
        mine = DagRun.objects.filter(id__in=[run.id for run in told])
        mine.update(partition_key=None, partition_date=None)
    return {
        "dag_runs_cleared": len(told),
        "task_instances_cleared": len(found),
        "dry_run": body.dry_run,
    }


def _of_partition(dag_id: str, body: BulkClearBody) -> list[tuple[str, str]]:
    if dag_id == "~":
        raise Refusal(400, "Partition selectors require a concrete dag_id; '~' is not supported.")
    newest(dag_id)
    rows = _partitioned(DagRun.objects.filter(dag_id=dag_id), body).order_by("partition_date", "run_id")
    return [(dag_id, run_id) for run_id in rows.values_list("run_id", flat=True)]


def _partitioned(rows: QuerySet[DagRun], body: Partitions) -> QuerySet[DagRun]:
    if body.partition_key is not None:
        return rows.filter(partition_key=body.partition_key)
    rows = rows.filter(partition_date__isnull=False)
    if body.partition_date_start is not None:
        rows = rows.filter(partition_date__gte=aware(body.partition_date_start))
    if body.partition_date_end is not None:
        rows = rows.filter(partition_date__lte=aware(body.partition_date_end))
    return rows


def _would_clear(run: DagRun, body: ClearBody) -> list[dict[str, Any]]:
    rows = all_instances().filter(dag_run_id=run.id)
    if body.only_new:
        there = {task.task_id for task in newest(run.dag_id).tasks}
        fresh = there - set(rows.values_list("task_id", flat=True))
        return [{"task_id": name, "task_display_name": name} for name in sorted(fresh)]
    if body.only_failed:
        rows = rows.filter(state__in=FAILED)
    return responses(list(rows.values_list("id", flat=True)))


def _clear(call: Call, run: DagRun, body: ClearBody) -> DagRun:
    latest = rerun_with_latest(dag_id=run.dag_id, wanted=body.run_on_latest_version)
    if body.only_new:
        clear_new_tasks(run=run, by=call.access.name, now=call.now)
    else:
        clear_run(run=run, by=call.access.name, now=call.now, only_failed=body.only_failed, latest=latest)
    if body.note is not None:
        DagRun.objects.filter(id=run.id).update(note=body.note or None)
    return read_run(run.dag_id, run.run_id)
