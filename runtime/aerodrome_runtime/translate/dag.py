"""A DAG object as a `DagSpec`. Called by `parse.child` once per DAG found in a file."""

from __future__ import annotations

from typing import Any

import msgspec

from aerodrome_runtime.translate.callbacks import dag_callbacks, deadlines
from aerodrome_runtime.translate.groups import groups
from aerodrome_runtime.translate.order import topological
from aerodrome_runtime.translate.params import params
from aerodrome_runtime.translate.plain import Plain
from aerodrome_runtime.translate.task import task
from aerodrome_runtime.translate.timetable import timetable, timezone_name
from taskwire.dagspec import DagSpec

FRESH_PARSE_MARK = "aerodrome_fresh_parse"
"""A DAG tag, or an entry of `default_args`, that asks for a fresh parse per task."""


def dag_spec(*, dag: Any, bundle_root: str, relative_fileloc: str) -> DagSpec:
    """`dag` (an `airflow.sdk.DAG` that passed its own checks) in words.

    The same source gives the same bytes in every process, whatever folder the bundle lies in. Raises
    `order.CycleFound`, `expand.ExpansionUnknown` and `msgspec.ValidationError` (an argument of a wrong type).
    """
    spec = _told(dag, Plain(bundle_root=bundle_root), relative_fileloc)
    return msgspec.convert(msgspec.to_builtins(spec), DagSpec)


def _told(dag: Any, plain: Plain, relative_fileloc: str) -> DagSpec:
    dag_params = params(source=dag.params, plain=plain)
    order = topological(
        dag_id=dag.dag_id,
        downstream={task_id: sorted(each.downstream_task_ids) for task_id, each in dag.task_dict.items()},
    )
    return DagSpec(
        dag_id=dag.dag_id,
        relative_fileloc=relative_fileloc,
        dag_display_name=dag.dag_display_name if dag.dag_display_name != dag.dag_id else None,
        description=plain.text(dag.description) if dag.description else None,
        doc_md=plain.text(dag.doc_md) if dag.doc_md else None,
        tags=sorted(str(tag) for tag in dag.tags),
        owners=sorted({str(each.owner) for each in dag.tasks}),
        owner_links=dict(dag.owner_links),
        timezone=timezone_name(source=dag.timezone),
        start_date=_instant(dag.start_date),
        end_date=_instant(dag.end_date),
        timetable=timetable(source=dag.timetable, plain=plain),
        catchup=bool(dag.catchup),
        max_active_runs=dag.max_active_runs,
        max_active_tasks=dag.max_active_tasks,
        max_consecutive_failed_dag_runs=dag.max_consecutive_failed_dag_runs,
        dagrun_timeout_seconds=dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        is_paused_upon_creation=dag.is_paused_upon_creation,
        fail_fast=bool(dag.fail_fast),
        params=dag_params,
        default_args=plain.value(dag.default_args),
        access_control=plain.value(dag.access_control or {}),
        render_template_as_native_obj=bool(dag.render_template_as_native_obj),
        has_callbacks=dag_callbacks(dag=dag),
        allowed_run_types=_run_types(dag.allowed_run_types),
        disable_bundle_versioning=bool(dag.disable_bundle_versioning),
        rerun_with_latest_version=dag.rerun_with_latest_version,
        template_searchpath=[plain.text(str(each)) for each in dag.template_searchpath or ()],
        deadlines=deadlines(dag=dag, plain=plain),
        dag_result_task_id=_result_task_id(dag),
        fresh_parse=FRESH_PARSE_MARK in dag.tags or bool(dag.default_args.get(FRESH_PARSE_MARK)),
        tasks=[task(source=dag.task_dict[each], dag_params=dag_params, plain=plain) for each in order],
        groups=groups(dag=dag, plain=plain),
    )


def _instant(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _run_types(value: Any) -> list[str] | None:
    return None if value is None else sorted(str(each.value) for each in value)


def _result_task_id(dag: Any) -> str | None:
    found = sorted(each.task_id for each in dag.tasks if each.returns_dag_result)
    return found[0] if found else None
