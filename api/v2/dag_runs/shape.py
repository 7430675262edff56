"""Runs as Airflow's API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from api.v2.bundle_names import bundle_names
from api.v2.version_facts import VersionFacts, facts_of
from controlplane.ledger.models.dag_run import DagRun


def run_responses(rows: Sequence[DagRun]) -> list[dict[str, Any]]:
    """DAGRunResponse of each; statements only for what is not remembered."""
    facts = facts_of(row.dag_version_id for row in rows)
    bundles = bundle_names(row.bundle_version_id for row in rows)
    return [_run(row, facts.get(row.dag_version_id), bundles.get(row.bundle_version_id)) for row in rows]


def _run(row: DagRun, facts: VersionFacts | None, bundle: str | None) -> dict[str, Any]:
    return {
        "dag_run_id": row.run_id,
        "dag_id": row.dag_id,
        "logical_date": row.logical_date,
        "queued_at": row.queued_at,
        "start_date": row.start_date,
        "end_date": row.end_date,
        "duration": seconds_between(row.start_date, row.end_date),
        "data_interval_start": row.data_interval_start,
        "data_interval_end": row.data_interval_end,
        "run_after": row.run_after,
        "last_scheduling_decision": row.last_scheduling_decision,
        "run_type": row.run_type,
        "state": row.state,
        "triggered_by": row.triggered_by,
        "triggering_user_name": row.triggering_user_name,
        "conf": row.conf,
        "note": row.note,
        "dag_versions": _versions([facts]),
        "bundle_version": bundle,
        "dag_display_name": facts.dag_display_name if facts else row.dag_id,
        "partition_key": row.partition_key,
        "partition_date": row.partition_date,
    }


def seconds_between(start: Any, end: Any) -> float | None:
    """Seconds as a number, or None while one of the two is missing."""
    return (end - start).total_seconds() if start is not None and end is not None else None


def _versions(facts: Iterable[VersionFacts | None]) -> list[dict[str, Any]]:
    return [known.response for known in facts if known is not None]
