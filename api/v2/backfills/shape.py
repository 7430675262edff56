"""Backfills as Airflow's API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag import Dag
from domain.timetables.instants import NextRun


def backfill_responses(rows: Sequence[Backfill]) -> list[dict[str, Any]]:
    """BackfillResponse of each: one statement for the names of their DAGs."""
    dags = Dag.objects.filter(dag_id__in={row.dag_id for row in rows})
    names = dict(dags.values_list("dag_id", "display_name"))
    return [
        {
            "id": row.serial,
            "dag_id": row.dag_id,
            "from_date": row.from_date,
            "to_date": row.to_date,
            "dag_run_conf": row.dag_run_conf,
            "is_paused": row.is_paused,
            "reprocess_behavior": row.reprocess_behavior,
            "max_active_runs": row.max_active_runs,
            "created_at": row.created_at,
            "completed_at": row.completed_at,
            "updated_at": row.updated_at,
            "dag_display_name": names.get(row.dag_id) or row.dag_id,
        }
        for row in rows
    ]


def dry_run_response(runs: Sequence[NextRun]) -> dict[str, Any]:
    """DryRunBackfillCollectionResponse."""
    told = [
        {
            "logical_date": run.logical_date,
            "partition_key": run.partition_key,
            "partition_date": run.partition_date,
        }
        for run in runs
    ]
    return {"backfills": told, "total_entries": len(told)}
