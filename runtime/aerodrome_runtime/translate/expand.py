"""What a mapped task or group is expanded over. A length not known now names the XCom to wait for."""

from __future__ import annotations

from typing import Any

from taskwire.dagspec import ExpandInput


class ExpansionUnknown(ValueError):
    """A mapped input of a kind this translator has no word for; says which."""


def expand_input(*, source: Any) -> ExpandInput | None:
    """Airflow's `DictOfListsExpandInput` or `ListOfDictsExpandInput` as words; None for an empty one."""
    value = source.value
    if source.EXPAND_INPUT_TYPE == "dict-of-lists":
        if not value:
            return None
        return ExpandInput(kind="product", names=list(value), children=[_leaf(v) for v in value.values()])
    return ExpandInput(kind="list", children=[_leaf(value)])


def _leaf(value: Any) -> ExpandInput:
    from airflow.sdk.definitions.xcom_arg import ConcatXComArg, MapXComArg, PlainXComArg, ZipXComArg

    match value:
        case PlainXComArg():
            return ExpandInput(kind="xcom", task_id=value.operator.task_id, key=value.key)
        case MapXComArg():
            return ExpandInput(kind="map", children=[_leaf(value.arg)])
        case ZipXComArg():
            from airflow.sdk.definitions._internal.types import is_arg_set

            children = [_leaf(arg) for arg in value.args]
            return ExpandInput(kind="zip", children=children, fill=is_arg_set(value.fillvalue))
        case ConcatXComArg():
            return ExpandInput(kind="concat", children=[_leaf(arg) for arg in value.args])
    if hasattr(value, "__len__"):
        return ExpandInput(kind="literal", length=len(value))
    raise ExpansionUnknown(f"cannot map over a {type(value).__name__}: use a list, a dict or a task's output")
