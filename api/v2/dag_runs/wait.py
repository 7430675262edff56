"""GET …/dagRuns/{dag_run_id}/wait: the state of a run, a line at each look, until the run is over.

It ends by itself after ten minutes: then the last line is not final, and the caller asks again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from api.json_answers import encode
from api.v2.operation import Call, Later, operation
from api.v2.refusals import Refusal, not_found, wrong
from controlplane.execution import by_hand
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.runs.await_run import TooManyWait, looks
from tenants.scope import tenant_scope

OVER = ("success", "failed")


@operation("runs.read")
def wait_dag_run_until_finished(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """Lines `{"state": …}`; the last one has `results` of the tasks that `result` names, or of the DAG's own."""
    interval = call.query.number("interval")
    if interval is None:
        raise Refusal(
            422, [{"type": "missing", "loc": ["query", "interval"], "msg": "Field required", "input": None}]
        )
    if not interval > 0:
        told = "Input should be greater than 0"
        raise wrong(("query", "interval"), told, call.query.text("interval"), "greater_than")
    run = DagRun.objects.filter(dag_id=dag_id, run_id=dag_run_id).first()
    if run is None:
        raise not_found(f"The DagRun with dag_id: `{dag_id}` and run_id: `{dag_run_id}` was not found")
    wanted = call.query.texts("result") or _own_result(run)
    tenant_id = call.access.tenant_id

    def look() -> tuple[bytes, bool]:
        with tenant_scope(tenant_id):
            return _line(run.id, wanted)

    def answer() -> HttpResponseBase:
        try:
            return _stream(looks(look, interval_seconds=interval))
        except TooManyWait:
            told = "Too many requests wait for runs at the moment: ask for the run's state instead"
            return Refusal(429, told, {"Retry-After": "5"}).answer()

    return Later(answer)


def _own_result(run: DagRun) -> list[str]:
    """The task whose value the DAG's author named as the DAG's result."""
    rows = DagVersion.objects.filter(id=run.dag_version_id)
    found = rows.values_list("spec__dag_result_task_id", flat=True).first()
    return [found] if found else []


def _line(run_id: UUID, wanted: list[str]) -> tuple[bytes, bool]:
    state = DagRun.objects.filter(id=run_id).values_list("state", flat=True).first()
    if state is None:  # deleted while it was waited for
        return b"", True
    told: dict[str, Any] = {"state": state}
    if state in OVER and wanted and (results := by_hand.results_of(run_row=run_id, task_ids=wanted)):
        told["results"] = results
    return encode(told) + b"\n", state in OVER


def _stream(lines: Iterator[bytes]) -> StreamingHttpResponse:
    return StreamingHttpResponse(lines, content_type="application/x-ndjson")
