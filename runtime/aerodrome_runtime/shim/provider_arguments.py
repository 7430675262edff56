"""Old arguments of single operators: Slack's `http_conn_id`, TriggerDagRun's `execution_date` …"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import after_import, uses
from aerodrome_runtime.shim.operator_arguments import around_init, class_renames

_DAY = {"use_task_execution_day": "use_task_logical_date"}

RENAMED: dict[str, dict[str, dict[str, str]]] = {
    "airflow.providers.slack.operators.slack_webhook": {
        "SlackWebhookOperator": {"http_conn_id": "slack_webhook_conn_id"}
    },
    "airflow.providers.slack.hooks.slack_webhook": {
        "SlackWebhookHook": {"http_conn_id": "slack_webhook_conn_id"}
    },
    "airflow.providers.standard.operators.trigger_dagrun": {
        "TriggerDagRunOperator": {"execution_date": "logical_date"}
    },
    "airflow.providers.standard.operators.datetime": {
        "BranchDateTimeOperator": {"use_task_execution_date": "use_task_logical_date", **_DAY}
    },
    "airflow.providers.standard.operators.weekday": {"BranchDayOfWeekOperator": _DAY},
    "airflow.providers.standard.sensors.weekday": {"DayOfWeekSensor": _DAY},
}
"""Module -> class -> old argument -> new one."""


def watch() -> None:
    """Adapt each class as soon as its module is imported."""
    for module, classes in RENAMED.items():
        after_import.when_imported(module, functools.partial(_adapt, classes))


def _adapt(classes: dict[str, dict[str, str]], module: ModuleType) -> None:
    for name, renamed in classes.items():
        cls: Any = getattr(module, name)
        class_renames[cls] = renamed
        cls.__init__ = around_init(cls.__init__, functools.partial(_modern, name, renamed))


def _modern(name: str, renamed: dict[str, str], _: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    if kwargs.keys().isdisjoint(renamed):
        return kwargs
    told = dict(kwargs)
    for old, new in renamed.items():
        if old in told:
            value = told.pop(old)
            told.setdefault(new, value)
            code = old.replace("_", "-")
            uses.record(code=code, message=f"{old}= of {name} is Airflow 2's", hint=f"{new}=")
    return told
