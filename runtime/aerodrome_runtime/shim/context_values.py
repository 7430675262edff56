"""Gives a running task the context keys and attributes that Airflow 3 removed, with Airflow 2's values."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from aerodrome_runtime.shim.context_keys import COSTLY_KEYS, REMOVED_KEYS, UNCOMMON_KEYS


def adapt_keys(module: ModuleType) -> None:
    """Let `@task` functions name the old keys as arguments, as they may name today's."""
    module.KNOWN_CONTEXT_KEYS.update(REMOVED_KEYS, UNCOMMON_KEYS)  # type: ignore[attr-defined]


def adapt_task_instance(module: ModuleType) -> None:
    """Wrap `RuntimeTaskInstance.get_template_context`, and put `execution_date` back on task and run."""
    task_instance: Any = module.RuntimeTaskInstance  # type: ignore[attr-defined]
    original = task_instance.get_template_context

    @functools.wraps(original)
    def get_template_context(self: Any) -> Any:
        context = original(self)
        if "yesterday_ds" not in context and context.get("logical_date") is not None:
            context.update(old_values(task_instance=self, context=context))
        return context

    task_instance.get_template_context = get_template_context
    if not hasattr(task_instance, "execution_date"):
        task_instance.execution_date = property(lambda self: _logical_date(self._ti_context_from_server))
    from airflow.sdk.api.datamodels import _generated

    dag_run: Any = _generated.DagRun
    if not hasattr(dag_run, "execution_date"):
        dag_run.execution_date = property(lambda self: self.logical_date)
        dag_run.external_trigger = property(lambda self: _run_type(self) == "manual")


def old_values(*, task_instance: Any, context: Any) -> dict[str, Any]:
    """The removed keys of one task. In manual runs `next_…` and `prev_…` equal the logical date, as before."""
    logical = context["logical_date"]
    day = datetime.timedelta(days=1)
    told: dict[str, Any] = {
        "execution_date": logical,
        "yesterday_ds": _ds(logical - day),
        "yesterday_ds_nodash": _nodash(logical - day),
        "tomorrow_ds": _ds(logical + day),
        "tomorrow_ds_nodash": _nodash(logical + day),
        "test_mode": False,
        "prev_execution_date_success": context.get("prev_data_interval_start_success"),
        "triggering_dataset_events": context.get("triggering_asset_events"),
        "conf": _Configuration(),
    }
    is_manual = _run_type(context["dag_run"]) == "manual"
    task = task_instance.task
    for name, find in (("next", _next), ("prev", _previous)):
        look = functools.partial(find, task, logical)
        if is_manual or task.dag is None:
            told.update(_dates(name, logical))
        elif mentions(task=task, keys=COSTLY_KEYS):
            told.update(_dates(name, look()))
        else:
            told.update(_later(name, look))
    return told


def mentions(*, task: Any, keys: frozenset[str]) -> bool:
    """Whether the task's own callable or templates name one of `keys`; helpers it calls are not looked at."""
    code = getattr(getattr(task, "python_callable", None), "__code__", None)
    if code is not None and _code_mentions(code, keys):
        return True
    return any(_text_mentions(getattr(task, name, None), keys) for name in task.template_fields)


def _code_mentions(code: CodeType, keys: frozenset[str]) -> bool:
    if not keys.isdisjoint(code.co_varnames) or not keys.isdisjoint(code.co_names):
        return True
    for const in code.co_consts:
        if isinstance(const, str) and const in keys:
            return True
        if isinstance(const, CodeType) and _code_mentions(const, keys):
            return True
    return False


def _text_mentions(value: Any, keys: frozenset[str]) -> bool:
    if isinstance(value, str):
        return "{" in value and any(key in value for key in keys)
    if isinstance(value, dict):
        return any(_text_mentions(part, keys) for part in value.values())
    return isinstance(value, list | tuple) and any(_text_mentions(part, keys) for part in value)


def _dates(name: str, moment: Any) -> dict[str, Any]:
    return {
        f"{name}_execution_date": moment,
        f"{name}_ds": None if moment is None else _ds(moment),
        f"{name}_ds_nodash": None if moment is None else _nodash(moment),
    }


def _later(name: str, look: Callable[[], Any]) -> dict[str, Any]:
    from lazy_object_proxy import Proxy

    look = functools.cache(look)
    return {key: Proxy(functools.partial(_pick, look, name, key)) for key in _dates(name, None)}


def _pick(look: Callable[[], Any], name: str, key: str) -> Any:
    return _dates(name, look())[key]


def _next(task: Any, logical: Any) -> Any:
    return _neighbour(task, logical, "_get_next")


def _previous(task: Any, logical: Any) -> Any:
    return _neighbour(task, logical, "_get_prev")


def _neighbour(task: Any, logical: Any, method: str) -> Any:
    """The logical date after or before `logical` by the DAG's schedule; None where it has no regular one."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    step = getattr(coerce_to_core_timetable(task.dag.timetable), method, None)
    return step(logical) if callable(step) else None


def _ds(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%d"))


def _nodash(moment: Any) -> str:
    return str(moment.strftime("%Y%m%d"))


def _run_type(dag_run: Any) -> str:
    value = getattr(dag_run, "run_type", "")
    return str(getattr(value, "value", value))


def _logical_date(from_server: Any) -> Any:
    return None if from_server is None else from_server.dag_run.logical_date


class _Configuration:
    """`context["conf"]`: Airflow's configuration, imported when it is asked something."""

    def __getattr__(self, name: str) -> Any:
        from airflow.configuration import conf

        return getattr(conf, name)
