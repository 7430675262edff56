"""POST …/{dag_run_id}/clear and POST …/clearDagRuns."""

from __future__ import annotations

from typing import Any

from api.v2.dag_runs.changes import BulkClearBody, ClearBody
from api.v2.dag_runs.shape import run_responses
from api.v2.dag_runs.views import read_run
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from api.v2.task_instances.answer import NO_PAGES, responses
from api.v2.task_instances.search import all_instances
from controlplane.ledger.models.dag_run import DagRun
from controlplane.runs.choose import FAILED, VersionUnknown, newest_spec
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


def _of_partition(dag_id: str, body: BulkClearBody) -> list[tuple[str, str]]:
    if dag_id == "~":
        raise Refusal(400, "Partition selectors require a concrete dag_id; '~' is not supported.")
    try:
        newest_spec(dag_id)
    except VersionUnknown as error:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found") from error
    rows = DagRun.objects.filter(dag_id=dag_id)
    if body.partition_key is not None:
        rows = rows.filter(partition_key=body.partition_key)
    else:
        rows = rows.filter(partition_date__isnull=False)
        if body.partition_date_start is not None:
            rows = rows.filter(partition_date__gte=body.partition_date_start)
        if body.partition_date_end is not None:
            rows = rows.filter(partition_date__lte=body.partition_date_end)
    return [
        (dag_id, run_id)
        for run_id in rows.order_by("partition_date", "run_id").values_list("run_id", flat=True)
    ]


def _would_clear(run: DagRun, body: ClearBody) -> list[dict[str, Any]]:
    rows = all_instances().filter(dag_run_id=run.id)
    if body.only_new:
        try:
            newest = {task.task_id for task in newest_spec(run.dag_id).tasks}
        except VersionUnknown as error:
            raise not_found(f"The Dag with ID: `{run.dag_id}` was not found") from error
        fresh = newest - set(rows.values_list("task_id", flat=True))
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
