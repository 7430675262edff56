"""Airflow 2's arguments of `DAG` and `@dag`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import uses
from aerodrome_runtime.shim.operator_arguments import modern_arguments

PLACE = "_aerodrome_place"
"""Attribute of a DAG made during a parse: bundle path and line of its constructor."""

_POSITIONAL = ("description", "schedule_interval", "timetable", "start_date", "end_date")
"""Airflow 2 took these by position after the id."""

_DROPPED = {
    "default_view": "the portal remembers each person's own view: remove default_view=",
    "orientation": "the portal remembers each person's own view: remove orientation=",
    "full_filepath": "remove full_filepath=",
    "is_subdag": "remove is_subdag=; use a TaskGroup",
    "parent_dag": "remove parent_dag=; use a TaskGroup",
}
_RENAMED = {"concurrency": "max_active_tasks", "fail_stop": "fail_fast"}


def adapt(module: ModuleType) -> None:
    """Teach `DAG` its old arguments and attributes, in place: subclasses and `@dag` follow."""
    dag_class: Any = module.DAG  # type: ignore[attr-defined]
    dag_class.__init__ = _taught(dag_class.__init__)
    for old, new in (("schedule_interval", "schedule"), ("concurrency", "max_active_tasks")):
        if not hasattr(dag_class, old):
            setattr(dag_class, old, property(operator.attrgetter(new)))
    if not hasattr(dag_class, "sub_dag"):
        dag_class.sub_dag = dag_class.partial_subset


def _taught(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > 1:
            args, kwargs = args[:1], {**_by_position(args[1:]), **kwargs}
        if not kwargs.keys().isdisjoint(_OLD):
            kwargs = _modern(kwargs)
        if kwargs.get("default_args"):
            kwargs["default_args"] = modern_arguments(kwargs["default_args"], where="default_args")
        if kwargs.get("sla_miss_callback") is not None:
            uses.record(
                code="sla-miss-callback",
                message="sla_miss_callback is Airflow 2's; it is called when a task misses its sla",
                hint="DAG(deadline=DeadlineAlert(...))",
            )
        original(self, *args, **kwargs)
        place = uses.author_line()
        if place[0] is not None:
            self.__dict__[PLACE] = place

    return __init__


_OLD = {"schedule_interval", "timetable", *_DROPPED, *_RENAMED}


def _by_position(values: tuple[Any, ...]) -> dict[str, Any]:
    uses.record(
        code="dag-positional",
        message="DAG takes only its id by position",
        hint=f"name the arguments: {', '.join(f'{name}=' for name in _POSITIONAL[: len(values)])}",
    )
    return dict(zip(_POSITIONAL, values, strict=False))


def _modern(kwargs: dict[str, Any]) -> dict[str, Any]:
    told = dict(kwargs)
    for old in ("schedule_interval", "timetable"):
        if old in told:
            value = told.pop(old)
            if value is not None and told.get("schedule") is not None:
                raise TypeError(
                    f"DAG takes only one of schedule=, schedule_interval= and timetable=: drop {old}="
                )
            told["schedule"] = value if told.get("schedule") is None else told["schedule"]
            uses.record(code=old.replace("_", "-"), message=f"{old}= is Airflow 2's", hint="schedule=")
    for old, new in _RENAMED.items():
        if old in told:
            told.setdefault(new, told.pop(old))
            told.pop(old, None)
            uses.record(code=old.replace("_", "-"), message=f"{old}= is Airflow 2's", hint=f"{new}=")
    for old, hint in _DROPPED.items():
        if old in told:
            del told[old]
            uses.record(code=old.replace("_", "-"), message=f"{old}= has no meaning any more", hint=hint)
    return told
