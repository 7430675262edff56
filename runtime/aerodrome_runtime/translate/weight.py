"""A tenant's own `PriorityWeightStrategy`, asked while its file is parsed: a strategy is tenant code, and Airflow's keep
no state. Airflow asks when it creates a task instance; what is known of one then, and of every run alike, is known here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from taskwire.parsing import Finding

_BUILT_IN = {"_Downstream": "downstream", "_Upstream": "upstream", "_Absolute": "absolute"}


class NewInstance:
    """What a strategy sees of a task instance that was just created, in a run that nobody knows yet."""

    def __init__(self, source: Any) -> None:
        self.task = source
        self.task_id, self.dag_id = source.task_id, source.dag_id
        self.map_index, self.try_number, self.max_tries = -1, 0, int(source.retries or 0)
        self.state = None
        self.pool, self.pool_slots, self.queue = source.pool, source.pool_slots, source.queue

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{name!r} of a task instance is not known when weights are asked, which is when the file is parsed"
        )


def weight_rule(*, value: Any, path_of: Any) -> str:
    """Airflow's name of a built-in rule, or where the author's own is defined (`path_of`). As in Airflow, a name that
    nobody knows is an error of the file."""
    if isinstance(value, str):
        name = str(getattr(value, "value", value))
        if name in _BUILT_IN.values():
            return name
        return _built_in(_named(name)) or name
    return _built_in(value) or str(path_of(type(value)))


def _named(name: str) -> Any:
    """The strategy of this name: registered by a plugin, or where the name says that it is. Raises ValueError."""
    from airflow.task.priority_strategy import (
        PriorityWeightStrategy,
        validate_and_load_priority_weight_strategy,
    )

    try:
        return validate_and_load_priority_weight_strategy(name)
    except ValueError:
        module, _, attribute = name.rpartition(".")
        try:
            found = getattr(import_module(module), attribute, None)
        except (ImportError, ValueError):
            found = None
        if isinstance(found, type) and issubclass(found, PriorityWeightStrategy):
            return found()
        raise


def _built_in(strategy: Any) -> str | None:
    for prefix, rule in _BUILT_IN.items():
        if type(strategy).__name__ == f"{prefix}PriorityWeightStrategy":
            return rule
    return None


def own_weight(*, source: Any) -> int | None:
    """What the author's own strategy says, None when the rule is built in or the strategy fails."""
    try:
        return _ask(source)
    except Exception:
        return None


def weight_findings(*, dags: dict[str, Any], filelocs: dict[str, str]) -> list[Finding]:
    """Strategies that fail: their tasks keep the weight that they have of their own."""
    found = []
    for dag_id, dag in sorted(dags.items()):
        for task_id, source in sorted(dag.task_dict.items()):
            try:
                _ask(source)
            except Exception as error:
                message = (
                    f"the priority weight strategy of task {task_id!r} of DAG {dag_id!r} fails, so the task has its "
                    f"own priority_weight only: {type(error).__name__}: {error}"
                )
                found.append(
                    Finding(
                        code="AERO-WEIGHT", message=message[:1000], path=filelocs[dag_id], severity="warning"
                    )
                )
    return found


def _ask(source: Any) -> int | None:
    rule = source.weight_rule
    if isinstance(rule, str):
        if getattr(rule, "value", rule) in _BUILT_IN.values():
            return None
        rule = _named(rule)
    if _built_in(rule) is not None:
        return None
    return int(rule.get_weight(NewInstance(source)))
