"""A callback of a DAG's author, run in a child that holds the DAG: instead of a task, and where a task would run.

Task and DAG callbacks follow `airflow.dag_processing.processor` (`_execute_task_callbacks`, `_execute_dag_callbacks`),
deadlines `callback_supervisor.execute_callback` and `CallbackTrigger.run`, `sla_miss_callback` Airflow 2. Errors of one
callback keep no other from running. Runs tenant code: only in a jailed child, after the agent said that it begins.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from aerodrome_runtime.zygote import dagfile

MESSAGE = "AerodromeCallbackDone"
"""What the child tells the agent before it ends: {"errors": [...]}."""


class NotThere(LookupError):
    """The DAG, the task or the callback is not in the file (any more)."""


class _Noting:
    """A logger that remembers what went wrong: Airflow's helpers log errors and swallow them."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.errors: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def error(self, event: str, *args: Any, **more: Any) -> Any:
        self.errors.append(event % args if args else event)
        return self._log.error(event, *args, **more)

    def exception(self, event: str, *args: Any, **more: Any) -> Any:
        error = sys.exc_info()[1]
        said = event % args if args else event
        self.errors.append(f"{said}: {type(error).__name__}: {error}" if error else said)
        return self._log.exception(event, *args, **more)


def run(told: dict[str, Any], file: dagfile.Loaded | None, *, fresh_parse: bool) -> int:
    """Run what `told` (a `taskwire.workload.CallbackWork`) names; the exit code of the child."""
    import structlog

    log = _Noting(structlog.get_logger(logger_name="callback"))
    try:
        if file is None:
            raise RuntimeError("no DAG file was loaded into this child")
        if fresh_parse or file.asked:
            file = dagfile.load(file.place)
        dag = file.bag.dags.get(told["dag_id"])
        if dag is None:
            raise NotThere(f"DAG {told['dag_id']!r} is not in {told['dag_rel_path']}")
        _KINDS[told["kind"]](dag, told, file, log)
    except Exception:
        log.exception("The callback could not be run")
    _tell(log.errors)
    return 1 if log.errors else 0


def _tell(errors: list[str]) -> None:
    from airflow.sdk.execution_time import task_runner
    from pydantic import BaseModel

    class Done(BaseModel):
        type: str = MESSAGE
        errors: list[str]

    task_runner.SUPERVISOR_COMMS.send(Done(errors=[error[:500] for error in errors[:5]]))


def _task(dag: Any, told: dict[str, Any], file: dagfile.Loaded, log: Any) -> None:
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.callback_runner import create_executable_runner
    from airflow.sdk.execution_time.context import context_get_outlet_events

    retries = told["kind"] == "task_retry"
    kind = "on_retry_callback" if retries else "on_failure_callback"
    task = _task_of(dag, told)
    ti = _instance(told, task, file)
    context = ti.get_template_context()
    error = AirflowException(told.get("reason") or "The task's process died.")
    context["exception"] = error
    for index, callback in enumerate(_listed(getattr(task, kind))):
        log.info("Executing task callback", kind=kind, index=index, callback=_name(callback))
        try:
            create_executable_runner(callback, context_get_outlet_events(context), logger=log).run(context)
        except Exception:
            log.exception(f"Failed to run task callback {kind} {_name(callback)}")
    if task.email and (task.email_on_retry if retries else task.email_on_failure):
        task_runner._send_error_email_notification(task, ti, context, error, log)


def _run(dag: Any, told: dict[str, Any], file: dagfile.Loaded, log: Any) -> None:
    failed = told["kind"] == "dag_failure"
    context: dict[str, Any] = {"dag": dag, "run_id": told["run_id"], "reason": told.get("reason", "")}
    if told.get("ti") is not None:
        try:
            task = _task_of(dag, told)
        except NotThere:
            log.warning("The task of the context is not in the DAG any more: the context is a small one")
        else:
            context = dict(_instance(told, task, file).get_template_context())
            context["reason"] = told.get("reason", "")
    callbacks = _listed(dag.on_failure_callback if failed else dag.on_success_callback)
    if not callbacks:
        raise NotThere(f"DAG {dag.dag_id!r} has no such callback")
    for callback in callbacks:
        log.info("Executing DAG callback", kind=told["kind"], callback=_name(callback))
        try:
            callback(context)
        except Exception:
            log.exception(f"Failed to run DAG callback {_name(callback)}")


def _deadline(dag: Any, told: dict[str, Any], file: dagfile.Loaded, log: Any) -> None:
    from airflow.sdk._shared.module_loading import accepts_context, accepts_keyword_args

    facts = told["deadline"]
    alerts = list(dag.deadline or ())
    if facts["number"] >= len(alerts):
        raise NotThere(f"DAG {dag.dag_id!r} has no deadline {facts['number']}")
    callback = alerts[facts["number"]].callback
    function = _import(callback.path)
    is_async = type(callback).__name__.startswith("Async")
    # As the author's code sees it in Airflow: JSON on an executor, an instant in the triggerer.
    at = datetime.fromisoformat(facts["deadline_time"]) if is_async else facts["deadline_time"]
    context = {"dag_run": facts["dag_run"], "deadline": {"id": facts["id"], "deadline_time": at}}
    kwargs = dict(callback.kwargs or {})
    log.info("Executing deadline callback", callback=callback.path)
    try:
        if accepts_context(function):
            kwargs["context"] = context
        if is_async:
            asyncio.run(_awaited(function, kwargs))
            return
        result = function(**kwargs)
        if callable(result):
            if not accepts_keyword_args(result):
                result(context)
            elif accepts_context(result):
                result(context=context)
            else:
                result()
    except Exception:
        log.exception(f"Failed to run deadline callback {callback.path}")


async def _awaited(function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    await function(**kwargs)


def _sla(dag: Any, told: dict[str, Any], file: dagfile.Loaded, log: Any) -> None:
    """`sla_miss_callback(dag, task_list, blocking_task_list, slas, blocking_tis)`, as Airflow 2 called it."""
    facts = told["deadline"]
    when, at = datetime.fromisoformat(facts["execution_date"]), datetime.fromisoformat(facts["timestamp"])
    slas = [
        SimpleNamespace(
            task_id=task_id,
            dag_id=dag.dag_id,
            execution_date=when,
            logical_date=when,
            timestamp=at,
            description=None,
            email_sent=False,
            notification_sent=False,
        )
        for task_id in facts["tasks"]
    ]
    blocking = [
        SimpleNamespace(
            **{**one, "start_date": one["start_date"] and datetime.fromisoformat(one["start_date"])},
            dag_id=dag.dag_id,
            run_id=told["run_id"],
            execution_date=when,
            logical_date=when,
            task=dag.task_dict.get(one["task_id"]),
        )
        for one in facts["blocking"]
    ]
    task_list = "\n".join(f"{sla.task_id} on {when.isoformat()}" for sla in slas)
    blocking_list = "\n".join(f"{ti.task_id} on {when.isoformat()}" for ti in blocking)
    callbacks = _listed(dag.sla_miss_callback)
    if not callbacks:
        raise NotThere(f"DAG {dag.dag_id!r} has no sla_miss_callback")
    for callback in callbacks:
        log.info("Executing sla_miss_callback", callback=_name(callback), tasks=facts["tasks"])
        try:
            callback(dag, task_list, blocking_list, slas, blocking)
        except Exception:
            log.exception(f"Failed to run sla_miss_callback {_name(callback)}")


_KINDS: dict[str, Callable[[Any, dict[str, Any], dagfile.Loaded, Any], None]] = {
    "task_failure": _task,
    "task_retry": _task,
    "dag_success": _run,
    "dag_failure": _run,
    "deadline": _deadline,
    "sla_miss": _sla,
}


def _task_of(dag: Any, told: dict[str, Any]) -> Any:
    task = dag.task_dict.get(told["ti"]["task_id"])
    if task is None:
        raise NotThere(f"task {told['ti']['task_id']!r} is not in DAG {dag.dag_id!r}")
    return task


def _instance(told: dict[str, Any], task: Any, file: dagfile.Loaded) -> Any:
    """The task instance as the author's code gets to know it: with the state that it has now."""
    from airflow.sdk.api.datamodels._generated import TaskInstance, TaskInstanceState, TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    ti = TaskInstance.model_validate(told["ti"])
    context = TIRunContext.model_validate(
        {"dag_run": told["dag_run"], "max_tries": told.get("max_tries", 0), "should_retry": False}
    )
    return RuntimeTaskInstance.model_construct(
        **ti.model_dump(exclude_unset=True),
        task=task,
        bundle_instance=file.bundle,
        _ti_context_from_server=context,
        max_tries=context.max_tries,
        start_date=_instant(told.get("started_at")),
        end_date=_instant(told.get("ended_at")),
        state=TaskInstanceState(told["state"]) if told.get("state") else None,
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _listed(callbacks: Any) -> list[Any]:
    if not callbacks:
        return []
    return list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]


def _name(callback: Any) -> str:
    return str(getattr(callback, "__name__", None) or type(callback).__name__)


def _import(path: str) -> Any:
    """A function of an installed module, or of the DAG file itself, which is loaded under a name of Airflow's."""
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise NotThere(f"{path!r} is no import path")
    module = sys.modules.get(module_name) or importlib.import_module(module_name)
    return getattr(module, name)
