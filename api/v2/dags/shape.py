"""DAGs as Airflow's API shows them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.core import signing
from pydantic import TypeAdapter

from api.v2.bundle_names import BUNDLE_NAME, bundle_names
from api.v2.version_facts import VersionFacts, facts_of
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.dag import Dag
from domain.assets import expression, key_of, leaves
from taskwire.dagspec import DagSpec

TOKEN_SALT = "file-token"  # noqa: S105  a purpose, no secret
_DURATION = TypeAdapter(timedelta)


def dag_responses(rows: Sequence[Dag]) -> list[dict[str, Any]]:
    """DAGResponse of each: statements only for what is not remembered."""
    facts = facts_of(row.current_version_id for row in rows)
    bundles = bundle_names(row.bundle_version_id for row in rows)
    return [
        _response(row, facts.get(row.current_version_id), bundles.get(row.bundle_version_id))  # type: ignore[arg-type]
        for row in rows
    ]


def _response(row: Dag, facts: VersionFacts | None, bundle: str | None) -> dict[str, Any]:
    display_name = row.display_name or row.dag_id
    is_periodic = facts.is_periodic if facts else False
    allowed = facts.allowed_run_types if facts else None
    return {
        "dag_id": row.dag_id,
        "dag_display_name": display_name,
        "is_paused": row.is_paused,
        "is_stale": row.is_stale,
        "last_parsed_time": row.last_parsed_at,
        "last_parse_duration": row.last_parse_seconds,
        "last_expired": None,
        "bundle_name": BUNDLE_NAME,
        "bundle_version": bundle,
        "relative_fileloc": row.relative_fileloc,
        "fileloc": row.relative_fileloc,
        "description": row.description,
        "timetable_summary": None if row.timetable_summary == "None" else row.timetable_summary,
        "timetable_description": row.timetable_description,
        "timetable_partitioned": facts.is_partitioned if facts else False,
        "timetable_periodic": is_periodic,
        "tags": [tag_response(name, row.dag_id, display_name) for name in sorted(row.tags)],
        "max_active_tasks": row.max_active_tasks,
        "max_active_runs": row.max_active_runs,
        "max_consecutive_failed_dag_runs": row.max_consecutive_failed_runs,
        "has_task_concurrency_limits": facts.has_task_limits if facts else False,
        "has_import_errors": row.has_import_errors,
        "next_dagrun_logical_date": row.next_logical_date,
        "next_dagrun_data_interval_start": row.next_interval_start,
        "next_dagrun_data_interval_end": row.next_interval_end,
        "next_dagrun_run_after": row.next_run_after,
        "allowed_run_types": allowed,
        "owners": row.owners,
        "is_backfillable": is_periodic and (allowed is None or "backfill" in allowed),
        "file_token": signing.dumps(
            {"bundle_name": BUNDLE_NAME, "relative_fileloc": row.relative_fileloc}, salt=TOKEN_SALT
        ),
    }


def details_response(row: Dag, facts: VersionFacts, raw_spec: Any, active_runs: int) -> dict[str, Any]:
    """DAGDetailsResponse, but for `is_favorite`, which depends on who asks."""
    spec = msgspec.convert(raw_spec, DagSpec)
    return {
        **dag_responses([row])[0],
        "catchup": spec.catchup,
        "dag_run_timeout": duration(spec.dagrun_timeout_seconds),
        "asset_expression": _asset_expression(spec),
        "doc_md": inspect.cleandoc(spec.doc_md) if spec.doc_md is not None else None,
        "start_date": _instant(spec.start_date),
        "end_date": _instant(spec.end_date),
        "is_paused_upon_creation": spec.is_paused_upon_creation,
        "params": {name: param_response(param) for name, param in spec.params.items()},
        "render_template_as_native_obj": spec.render_template_as_native_obj,
        "template_search_path": spec.template_searchpath or None,
        "timezone": spec.timezone,
        "last_parsed": row.last_parsed_at,
        "default_args": spec.default_args,
        "rerun_with_latest_version": spec.rerun_with_latest_version,
        "owner_links": spec.owner_links,
        "active_runs_count": active_runs,
        "concurrency": row.max_active_tasks,
        "latest_dag_version": facts.response,
    }


def _asset_expression(spec: DagSpec) -> Any:
    """What the DAG waits for, with the ids of its assets; null when it waits for none."""
    keys = {key_of(leaf) for leaf in leaves(spec.timetable.condition) if leaf.get("type") == "asset"}
    rows = Asset.objects.filter(name__in=[name for name, _ in keys]) if keys else []
    ids = {(row.name, row.uri): row.serial for row in rows}
    return expression(spec.timetable.condition, ids)


def tag_response(name: str, dag_id: str, dag_display_name: str) -> dict[str, Any]:
    """DagTagResponse."""
    return {"name": name, "dag_id": dag_id, "dag_display_name": dag_display_name}


def param_response(param: Any) -> dict[str, Any]:
    """A param as `Param.dump()` gives it."""
    if not isinstance(param, dict):
        return {"value": param, "schema": {}, "description": None, "source": None}
    return {
        "value": param.get("value"),
        "schema": param.get("schema") or {},
        "description": param.get("description"),
        "source": param.get("source"),
    }


def duration(seconds: float | None) -> str | None:
    """ISO 8601, in Airflow's spelling."""
    if seconds is None:
        return None
    found: str = _DURATION.dump_python(timedelta(seconds=seconds), mode="json")
    return found


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
