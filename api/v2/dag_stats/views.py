"""GET /dagStats: how many runs of each state a DAG has."""

from __future__ import annotations

from typing import Any

from django.db.models import Count

from api.v2.listing import any_of
from api.v2.operation import Call, operation
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun

STATES = ("queued", "running", "success", "failed")


@operation("runs.read")
def get_dag_stats(call: Call) -> Any:
    """Two statements, whatever the number of DAGs. DAGs without runs are left out, as in Airflow."""
    rows = any_of(DagRun.objects.order_by(), "dag_id", call.query.texts("dag_ids"))
    counts: dict[str, dict[str, int]] = {}
    for dag_id, state, count in rows.values_list("dag_id", "state").annotate(runs=Count("id")):
        counts.setdefault(dag_id, {})[str(state)] = count
    names = dict(Dag.objects.filter(dag_id__in=list(counts)).values_list("dag_id", "display_name"))
    stats = [
        {
            "dag_id": dag_id,
            "dag_display_name": names[dag_id] or dag_id,
            "stats": [{"state": state, "count": counts[dag_id].get(state, 0)} for state in STATES],
        }
        for dag_id in sorted(names)
    ]
    return {"dags": stats, "total_entries": len(stats)}
