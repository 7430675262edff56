"""PATCH …/dagRuns: many runs are marked, noted or deleted in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from api.v2.bulk import BulkBody, BulkDelete, BulkUpdate, Outcome, Results
from api.v2.dag_runs.changes import BulkRun
from api.v2.operation import Call, operation
from controlplane.ledger.models.dag_run import DagRun
from controlplane.runs.delete import RunBusy, delete_run
from controlplane.runs.mark import mark_run

Key = tuple[str, str]


@operation("runs.edit", event="bulk_dag_runs")
def bulk_dag_runs(call: Call, dag_id: str) -> Any:
    """`~` stands for the DAG that each entity says."""
    outcome = Outcome()
    for action in call.body(BulkBody[BulkRun]).actions:
        results = outcome.of(action.action)
        if isinstance(action, BulkUpdate):
            _update(call, action, dag_id, results)
        elif isinstance(action, BulkDelete):
            _delete(action, dag_id, results)
        else:
            results.fail(
                405, "Dag Runs bulk create is not supported. Use the trigger Dag Run endpoint instead."
            )
    return outcome.answer()


def _key(one: str | BulkRun, dag_id: str, results: Results) -> Key | None:
    if isinstance(one, str):
        key, told = (dag_id, one), "BulkDAGRunBody object, not as string"
    else:
        key, told = (one.dag_id or dag_id, one.dag_run_id), "request body"
    if "~" in key:
        results.fail(
            400, f"When using wildcard in path, dag_id must be specified in {told} for dag_run_id: {key[1]}"
        )
        return None
    return key


def _find(keys: Sequence[Key], *, skip: bool, results: Results) -> dict[Key, DagRun] | None:
    """The runs of these names; None, with the error told, when one is missing that must not be."""
    condition = Q(pk__in=[])
    for dag_id, run_id in keys:
        condition |= Q(dag_id=dag_id, run_id=run_id)
    found = {(row.dag_id, row.run_id): row for row in DagRun.objects.filter(condition)}
    missing = set(keys) - found.keys()
    if missing and not skip:
        results.fail(404, f"The DagRuns with these identifiers: {sorted(missing)} were not found")
        return None
    return found


def _update(call: Call, action: BulkUpdate[BulkRun], dag_id: str, results: Results) -> None:
    wanted = {key: one for one in action.entities if (key := _key(one, dag_id, results)) is not None}
    found = _find(list(wanted), skip=action.action_on_non_existence == "skip", results=results)
    for key, run in (found or {}).items():
        body = wanted[key]
        if body.state is not None:
            mark_run(run=run, state=body.state, by=call.access.name, now=call.now)
        if body.note is not None:
            DagRun.objects.filter(id=run.id).update(note=body.note or None)
        results.success.append(".".join(key))


def _delete(action: BulkDelete[BulkRun], dag_id: str, results: Results) -> None:
    keys = {key for one in action.entities if (key := _key(one, dag_id, results)) is not None}
    found = _find(sorted(keys), skip=action.action_on_non_existence == "skip", results=results)
    for key, run in sorted((found or {}).items()):
        try:
            delete_run(run=run)
        except RunBusy as error:
            results.fail(409, refusal_to_delete(run, str(error)))
        else:
            results.success.append(".".join(key))


def refusal_to_delete(run: DagRun, state: str) -> str:
    """Airflow's words."""
    return f"The DagRun with dag_id: `{run.dag_id}` and run_id: `{run.run_id}` cannot be deleted in {state} state"
