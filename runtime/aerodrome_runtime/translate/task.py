"""One operator, plain or mapped, as a `TaskSpec`."""

from __future__ import annotations

import datetime
from typing import Any

from aerodrome_runtime.translate.assets import assets
from aerodrome_runtime.translate.callbacks import task_callbacks
from aerodrome_runtime.translate.code import code_sha
from aerodrome_runtime.translate.expand import expand_input
from aerodrome_runtime.translate.groups import mapped_group_ids
from aerodrome_runtime.translate.links import dag_dependencies, extra_link_keys, extra_links, start_trigger
from aerodrome_runtime.translate.params import own_params
from aerodrome_runtime.translate.plain import Plain
from aerodrome_runtime.translate.secrets import named_secrets
from aerodrome_runtime.translate.weight import own_weight, weight_rule
from taskwire.dagspec import TaskSpec

_DEFAULT_COLORS = ("#fff", "#000")


def task(*, source: Any, dag_params: dict[str, Any], plain: Plain) -> TaskSpec:
    """`source` in words; `dag_params` are the params it inherits, as `params` tells them."""
    operator_class = source.operator_class if source.is_mapped else type(source)
    group = source.task_group
    callbacks = task_callbacks(task=source)
    return TaskSpec(
        task_id=source.task_id,
        operator=source.operator_name,
        module=plain.module(operator_class),
        task_type=source.task_type if source.task_type != source.operator_name else None,
        downstream=sorted(source.downstream_task_ids),
        edge_labels=_edge_labels(source),
        trigger_rule=str(getattr(source.trigger_rule, "value", source.trigger_rule)),
        is_setup=bool(source.is_setup),
        is_teardown=bool(source.is_teardown),
        on_failure_fail_dagrun=bool(source.on_failure_fail_dagrun),
        group_id=group.group_id if group is not None else None,
        label=source.label if source.label != source.task_id else None,
        display_name=source.task_display_name if source.task_display_name != source.task_id else None,
        owner=str(source.owner or ""),
        pool=source.pool or "default_pool",
        pool_slots=source.pool_slots,
        queue=source.queue or "default",
        executor=getattr(source, "executor", None),
        priority_weight=int(source.priority_weight),
        weight_rule=weight_rule(value=source.weight_rule, path_of=plain.path),
        own_weight=own_weight(source=source),
        retries=int(source.retries or 0),
        retry_delay_seconds=_seconds(source.retry_delay) or 0.0,
        retry_exponential_backoff=_multiplier(source.retry_exponential_backoff),
        max_retry_delay_seconds=_seconds(source.max_retry_delay),
        has_retry_policy=getattr(source, "retry_policy", None) is not None,
        execution_timeout_seconds=_seconds(source.execution_timeout),
        depends_on_past=bool(source.depends_on_past),
        wait_for_downstream=bool(source.wait_for_downstream),
        ignore_first_depends_on_past=bool(source.ignore_first_depends_on_past),
        wait_for_past_depends_before_skipping=bool(source.wait_for_past_depends_before_skipping),
        max_active_tis_per_dag=source.max_active_tis_per_dag,
        max_active_tis_per_dagrun=source.max_active_tis_per_dagrun,
        is_mapped=bool(source.is_mapped),
        expand=expand_input(source=source._get_specified_expand_input()) if source.is_mapped else None,
        map_index_template=source.map_index_template,
        mapped_group_ids=mapped_group_ids(task=source),
        is_empty=_is_empty(source, callbacks),
        is_sensor=bool(source._is_sensor),
        reschedules=_own_value(source, "mode") == "reschedule" and bool(source._is_sensor),
        can_skip_downstream=bool(source.inherits_from_skipmixin),
        do_xcom_push=bool(_own_value(source, "do_xcom_push", True)),
        multiple_outputs=bool(_own_value(source, "multiple_outputs", False)),
        run_as_user=getattr(source, "run_as_user", None),
        executor_config=plain.value(source.executor_config or {}),
        email=_emails(source.email),
        email_on_failure=bool(source.email_on_failure),
        email_on_retry=bool(source.email_on_retry),
        has_callbacks=callbacks,
        sla_seconds=_sla_seconds(source),
        start_date=_instant(source.start_date),
        end_date=_instant(source.end_date),
        doc_md=plain.text(source.doc_md) if source.doc_md else None,
        params=own_params(source=source.params, inherited=dag_params, plain=plain),
        template_fields=list(source.template_fields),
        ui_color=None if source.ui_color == _DEFAULT_COLORS[0] else source.ui_color,
        ui_fgcolor=None if source.ui_fgcolor == _DEFAULT_COLORS[1] else source.ui_fgcolor,
        inlets=assets(sources=source.inlets, plain=plain),
        outlets=assets(sources=source.outlets, plain=plain),
        dag_dependencies=dag_dependencies(task=source),
        extra_links=extra_links(task=source),
        extra_link_keys=extra_link_keys(task=source),
        start_from_trigger=bool(source.start_from_trigger),
        start_trigger=start_trigger(task=source, plain=plain),
        code_sha=code_sha(task=source, plain=plain),
        secrets=named_secrets(task=source, plain=plain),
    )


def _own_value(source: Any, name: str, default: Any = None) -> Any:
    if source.is_mapped:
        return source.partial_kwargs.get(name, getattr(source.operator_class, name, default))
    return getattr(source, name, default)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    return value.total_seconds() if isinstance(value, datetime.timedelta) else float(value)


def _instant(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _multiplier(value: Any) -> float:
    if isinstance(value, bool):
        return 2.0 if value else 0.0
    return float(value or 0.0)


def _is_empty(source: Any, callbacks: list[str]) -> bool:
    is_idle = not (source.inlets or source.outlets or {"on_execute", "on_success"} & set(callbacks))
    return bool(source.inherits_from_empty_operator) and is_idle


def _emails(value: Any) -> list[str]:
    if not value:
        return []
    if isinstance(value, str):
        return [each.strip() for each in value.replace(";", ",").split(",") if each.strip()]
    return [str(each) for each in value]


def _sla_seconds(source: Any) -> float | None:
    if source.is_mapped:
        return _seconds(source.partial_kwargs.get("sla"))
    return _seconds(source._BaseOperator__init_kwargs.get("sla"))


def _edge_labels(source: Any) -> dict[str, str]:
    dag = source.dag
    edges = dag.edge_info.get(source.task_id, {}) if dag is not None else {}
    return {other: info["label"] for other, info in sorted(edges.items()) if info.get("label")}
