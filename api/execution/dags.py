"""`/dags/{dag_id}`: what a task may know of a DAG."""

from __future__ import annotations

from django.http import HttpResponse

from api.execution.answers import answer, not_found
from api.execution.gate import Call, Rule, allow
from controlplane.execution import run_lookups
from controlplane.execution.attempts import Stage

_HIDDEN = {"is_stale", "has_import_errors"}


@allow(Rule(stage=Stage.SETTLING))
def detail(call: Call, dag_id: str) -> HttpResponse:
    """GET."""
    dag = run_lookups.dag_detail(dag_id=dag_id)
    if dag is None:
        raise not_found(f"The Dag with dag_id: `{dag_id}` was not found")
    return answer({name: held for name, held in dag.items() if name not in _HIDDEN})
