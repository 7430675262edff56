"""Task groups of a DAG: the tree, and which of them are mapped."""

from __future__ import annotations

from typing import Any

from aerodrome_runtime.translate.expand import expand_input
from aerodrome_runtime.translate.plain import Plain
from taskwire.dagspec import GroupSpec

_DEFAULT_COLORS = ("CornflowerBlue", "#000")


def groups(*, dag: Any, plain: Plain) -> list[GroupSpec]:
    """Every group but the root, sorted by id."""
    found = dag.task_group.get_task_group_dict()
    return [_group(found[group_id], plain) for group_id in sorted(each for each in found if each)]


def mapped_group_ids(*, task: Any) -> list[str]:
    """Ids of the mapped groups around `task`, outermost first."""
    group = task.task_group
    if group is None:
        return []
    return [str(each.group_id) for each in group.iter_mapped_task_groups()][::-1]


def _group(source: Any, plain: Plain) -> GroupSpec:
    from airflow.sdk.definitions.taskgroup import MappedTaskGroup

    parent = source.parent_group
    label = source.group_display_name or source.label
    is_mapped = isinstance(source, MappedTaskGroup)
    return GroupSpec(
        group_id=source.group_id,
        parent_id=parent.group_id if parent is not None else None,
        label=label if label != source.group_id else None,
        tooltip=plain.text(source.tooltip or ""),
        is_mapped=is_mapped,
        expand=expand_input(source=source._expand_input) if is_mapped else None,
        ui_color=None if source.ui_color == _DEFAULT_COLORS[0] else source.ui_color,
        ui_fgcolor=None if source.ui_fgcolor == _DEFAULT_COLORS[1] else source.ui_fgcolor,
        doc_md=plain.text(source.doc_md) if source.doc_md else None,
        upstream_groups=_ids(source.upstream_group_ids),
        downstream_groups=_ids(source.downstream_group_ids),
        upstream_tasks=_ids(source.upstream_task_ids),
        downstream_tasks=_ids(source.downstream_task_ids),
    )


def _ids(found: Any) -> list[str]:
    return sorted(each for each in found if each is not None)
