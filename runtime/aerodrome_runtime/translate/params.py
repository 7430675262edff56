"""Params of a DAG or of a task: name -> value, JSON schema, description."""

from __future__ import annotations

from typing import Any

from aerodrome_runtime.translate.plain import Plain


def params(*, source: Any, plain: Plain) -> dict[str, Any]:
    """A `ParamsDict` (or a plain dict) as words. A param without a default has no `value`."""
    from airflow.sdk.definitions._internal.types import is_arg_set
    from airflow.sdk.definitions.param import Param

    told: dict[str, Any] = {}
    for name, param in (source or {}).items():
        if not isinstance(param, Param):
            told[str(name)] = {"value": plain.value(param)}
            continue
        entry: dict[str, Any] = {"schema": plain.value(param.schema), "description": param.description}
        if is_arg_set(param.value):
            entry["value"] = plain.value(param.value)
        told[str(name)] = entry
    return told


def own_params(*, source: Any, inherited: dict[str, Any], plain: Plain) -> dict[str, Any]:
    """A task's params without those it merely inherits from its DAG."""
    told = params(source=source, plain=plain)
    return {name: entry for name, entry in told.items() if inherited.get(name) != entry}
