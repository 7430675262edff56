"""Airflow 2's arguments of operators, `@task` and `partial`, and of `default_args`."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import uses

_RENAMED = {
    "exponential_backoff": "retry_exponential_backoff",
    "task_concurrency": "max_active_tis_per_dag",
    "xcom_push": "do_xcom_push",
}
_DROPPED = {
    "provide_context": "remove provide_context=: every callable gets the context it asks for",
    "adhoc": "remove adhoc=",
    "dag_concurrency": "remove dag_concurrency=; DAG(max_active_tasks=)",
}
_TRIGGER_RULES = {
    "dummy": "always",
    "none_failed_or_skipped": "none_failed_min_one_success",
}
_WATCHED = {*_RENAMED, *_DROPPED, "retry_exponential_backoff", "trigger_rule", "sla"}

class_renames: dict[type, dict[str, str]] = {}
"""Operator class -> its own old arguments; filled by `provider_arguments`."""


def modern_arguments(arguments: dict[str, Any], *, where: str, is_repeated: bool = False) -> dict[str, Any]:
    """`arguments` in today's spelling, each change recorded; the very same object when nothing changes.

    `is_repeated`: these were looked at before, by the DAG that took them as defaults or by `@task`.
    """
    if arguments.keys().isdisjoint(_WATCHED):
        return arguments
    told = dict(arguments)
    for old, new in _RENAMED.items():
        if old in told:
            value = told.pop(old)
            told.setdefault(new, value)
            told_new = f"{new}=2.0" if new == "retry_exponential_backoff" and value is True else f"{new}="
            _record(old, f"{old}= in {where} is Airflow 2's", told_new)
    for old, hint in _DROPPED.items():
        if old in told:
            del told[old]
            _record(old, f"{old}= in {where} has no meaning any more", hint)
    backoff = told.get("retry_exponential_backoff")
    if isinstance(backoff, bool):
        told["retry_exponential_backoff"] = 2.0 if backoff else 0.0
        if backoff and "exponential_backoff" not in arguments:
            _record(
                "retry_exponential_backoff",
                "retry_exponential_backoff is a factor today; True counts as 2",
                "retry_exponential_backoff=2.0",
            )
    rule = told.get("trigger_rule")
    if isinstance(rule, str) and rule in _TRIGGER_RULES:
        told["trigger_rule"] = _TRIGGER_RULES[rule]
        hint = f'trigger_rule="{_TRIGGER_RULES[rule]}"'
        _record("trigger_rule", f"trigger rule {rule!r} is Airflow 2's", hint)
    if told.get("sla") is not None and not is_repeated:
        _record(
            "sla",
            f"sla= in {where} is Airflow 2's; the platform keeps it as a deadline of the task",
            "DAG(deadline=DeadlineAlert(...)), or keep sla=",
        )
    return told


def adapt_operator(module: ModuleType) -> None:
    """Teach `BaseOperator` (hence every operator) and `partial` the old arguments, in place."""
    base: Any = module.BaseOperator  # type: ignore[attr-defined]
    base.__init__ = around_init(base.__init__, _modern_init)
    descriptor = vars(base)["partial"]
    original = descriptor.class_method.__func__

    def partial(operator_class: type, /, **kwargs: Any) -> Any:
        return original(operator_class, **_modern_partial(operator_class, kwargs))

    descriptor.class_method = classmethod(partial)


def adapt_decorator(module: ModuleType) -> None:
    """Teach `@task(...)`, mapped or not."""
    decorator: Any = module._TaskDecorator  # type: ignore[attr-defined]
    original = decorator.__attrs_post_init__

    def __attrs_post_init__(self: Any) -> None:
        self.kwargs = modern_arguments(self.kwargs, where="@task")
        original(self)

    decorator.__attrs_post_init__ = __attrs_post_init__


def around_init(original: Any, modern: Callable[[Any, dict[str, Any]], dict[str, Any]]) -> Any:
    """`original` (an operator's `__init__`, already wrapped by its metaclass) with its arguments made modern.

    Keeps what the metaclass reads of it: `__wrapped__`, by which it knows the outermost constructor, and its
    private attributes.
    """

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **modern(self, kwargs))

    for name in ("__module__", "__name__", "__qualname__", "__doc__", "__annotations__"):
        setattr(__init__, name, getattr(original, name))
    __init__.__dict__.update(vars(original))
    return __init__


def _modern_init(operator: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    is_decorated = hasattr(type(operator), "custom_operator_name")
    told = modern_arguments(kwargs, where=type(operator).__name__, is_repeated=is_decorated)
    if told.get("default_args"):
        defaults = modern_arguments(told["default_args"], where="default_args", is_repeated=True)
        told = {**told, "default_args": defaults}
    return told


def _modern_partial(operator_class: type, kwargs: dict[str, Any]) -> dict[str, Any]:
    told = modern_arguments(kwargs, where=f"{operator_class.__name__}.partial")
    for ancestor in operator_class.__mro__:
        for old, new in class_renames.get(ancestor, {}).items():
            if old in told:
                told = {**told, new: told[old]}
                del told[old]
                _record(old, f"{old}= of {operator_class.__name__} is Airflow 2's", f"{new}=")
    return told


def _record(argument: str, message: str, hint: str) -> None:
    uses.record(code=argument.replace("_", "-"), message=message, hint=hint)
