"""The places where a warm child is not Airflow's own child. `task_runner.main()` itself runs unchanged.

1. `parse` looks the DAG up in the file loaded ahead, instead of fetching a bundle and parsing it in the
   critical path; a file that says so (`fresh_parse`), or that asked for a Variable or Connection while it was
   loaded ahead, is parsed again, inside the parsing context.
2. `get_startup_details` also takes from the same frame what is ours (`aerodrome`: title, fresh_parse, base_url;
   `relays_mail`: Airflow's SMTP hook gives its mails to the agent, see `mail`).
   When it names a callback, that is run instead of a task (`callback`), and the process ends.
3. `BundleVersionLock` does nothing: the agent keeps an unpacked bundle as long as anything runs from it.
4. `setproctitle` gives the title of the order instead of `airflow worker -- <id>`.
5. Pydantic's `TypeAdapter`s of types that never change are made once instead of five times per task: they were
   more than half of a no-op task's processor time (measured: 4.3 ms of it, and the page faults they cause).

`REVIEWED` holds the digest of each replaced function as it was read; tests/runtime compares them with the
installed Airflow, so that a new release cannot change one unseen.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
from typing import Any

from aerodrome_runtime.zygote import dagfile, mail
from aerodrome_runtime.zygote.title import set_title

REVIEWED: dict[str, str] = {
    "task_runner.parse": "69cedeb5764ac5c639a047ecaf86f3bebc343bd0cfbaf14dae09054057f8a50e",
    "task_runner.get_startup_details": "c68744e312829ee49af929288daa666ed43e4b66af3d4eb2b080ca720f912cad",
    "task_runner.startup": "afbf6efc6421e053d71042370c1b2c396f1223fe9b9e9ebba0f822cca7a3aedd",
    "task_runner.main": "0944cb72c80b86d99b7c698ece8450d6ff13ae7c0f7a801e2cf7335b05f7f2a1",
    "supervisor._fork_main": "7b7b028048040028497b7b37a6879782fc49b03103ab01b093bd588893c924c1",
    "supervisor._configure_logs_over_json_channel": "6498da8a7e3cac0be0c1d8550cbf31a9fc08990ba677825c4fdd527341fff33d",
    "supervisor._reopen_std_io_handles": "d9f1367a00b6a0b8aa35f492e1a767fb9469a7afd27a9ba6ce21d5d1e92507be",
    "supervisor._reset_signals": "88d152be6489e8b7cf7d0e4a8fd713df6628d177e562e2b772ad8a2701852096",
    "supervisor.ActivitySubprocess._handle_request": "30064da15beecec28ba618a61614534a32fe5aba324cc81e7940e7f602c4baef",
    "supervisor.ActivitySubprocess._on_child_started": "c1810e9d6d095987c8458e82009331eccf6290f5efb20c0d7be032cd6470dbd1",
}
"""SHA-256 of the source of what is replaced or followed, in Airflow 3.3.2 (Task SDK 1.3.2)."""

loaded: dagfile.Loaded | None = None
"""The file of this child; set by `spare` before the task comes."""
ours: dict[str, Any] = {}
"""What the agent said beside Airflow's own StartupDetails."""


def install() -> None:
    """Replace the four. Called once, in the base zygote, before the dummy run."""
    import setproctitle
    from airflow.sdk.execution_time import comms, task_runner

    comms.TypeAdapter = task_runner.TypeAdapter = type_adapter
    task_runner.parse = parse
    task_runner.get_startup_details = get_startup_details
    task_runner.BundleVersionLock = no_lock
    own = setproctitle.setproctitle
    setproctitle.setproctitle = lambda title: own(ours.get("title", title))


_adapters: dict[int, tuple[Any, Any]] = {}


def type_adapter(type_: Any, **keywords: Any) -> Any:
    """`pydantic.TypeAdapter`, one per type object. The type is kept, so that its id stays its own."""
    from pydantic import TypeAdapter

    if keywords:
        return TypeAdapter(type_, **keywords)
    found = _adapters.get(id(type_))
    if found is None:
        found = _adapters[id(type_)] = (type_, TypeAdapter(type_))
    return found[1]


def no_lock(**_keywords: Any) -> contextlib.AbstractContextManager[None]:
    """In place of `BundleVersionLock`."""
    return contextlib.nullcontext()


def get_startup_details() -> Any:
    """Wait for the one task of this child."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import StartupDetails

    frame = task_runner.SUPERVISOR_COMMS._read_frame()
    ours.update(frame.body.pop("aerodrome", None) or {})
    if base_url := ours.get("base_url"):
        os.environ["AIRFLOW__API__BASE_URL"] = base_url
    if ours.get("relays_mail"):
        mail.install()
    if told := ours.get("callback"):
        from aerodrome_runtime.zygote import callback

        set_title(ours.get("title", ""))
        sys.exit(callback.run(told, loaded, fresh_parse=bool(ours.get("fresh_parse"))))
    return StartupDetails.model_validate(frame.body)


def parse(what: Any, log: Any) -> Any:
    """`task_runner.parse`, line by line, from the file loaded ahead."""
    from airflow.sdk.api.datamodels._generated import TaskInstanceState
    from airflow.sdk.bases.operator import BaseOperator
    from airflow.sdk.definitions.mappedoperator import MappedOperator
    from airflow.sdk.execution_time import task_runner

    file = loaded
    if file is None:
        raise RuntimeError("no DAG file was loaded into this child")
    if ours.get("fresh_parse") or file.asked:
        file = dagfile.load(file.place)
    bundle_info = what.bundle_info
    task_runner._verify_bundle_access(file.bundle, log)
    dag = file.bag.dags.get(what.ti.dag_id)
    if dag is None:
        log.error(
            "Dag not found during start up", dag_id=what.ti.dag_id, bundle=bundle_info, path=what.dag_rel_path
        )
        task_runner._maybe_reschedule_startup_failure(ti_context=what.ti_context, log=log)
        sys.exit(1)
    task = dag.task_dict.get(what.ti.task_id)
    if task is None:
        log.error(
            "Task not found in Dag during start up",
            dag_id=dag.dag_id,
            task_id=what.ti.task_id,
            bundle=bundle_info,
            path=what.dag_rel_path,
        )
        task_runner._maybe_reschedule_startup_failure(ti_context=what.ti_context, log=log)
        sys.exit(1)
    if not isinstance(task, (BaseOperator, MappedOperator)):
        raise TypeError(
            f"task is of the wrong type, got {type(task)}, wanted {BaseOperator} or {MappedOperator}"
        )
    task_runner._register_deserialization_allowed_classes(dag, log)
    log.info(
        "Worker startup parse complete",
        bundle_name=bundle_info.name,
        bundle_version=bundle_info.version,
        dag_file=what.dag_rel_path,
        dag_id=what.ti.dag_id,
        bundle_prepare_ms=0,
        dag_file_parse_ms=int(file.seconds * 1000),
    )
    return task_runner.RuntimeTaskInstance.model_construct(
        **what.ti.model_dump(exclude_unset=True),
        task=task,
        bundle_instance=file.bundle,
        _ti_context_from_server=what.ti_context,
        max_tries=what.ti_context.max_tries,
        start_date=what.start_date,
        state=TaskInstanceState.RUNNING,
        sentry_integration=what.sentry_integration,
    )


def followed() -> dict[str, Any]:
    """Airflow's functions that this package replaces or walks beside."""
    from airflow.sdk.execution_time import supervisor, task_runner

    return {
        "task_runner.parse": task_runner.parse,
        "task_runner.get_startup_details": task_runner.get_startup_details,
        "task_runner.startup": task_runner.startup,
        "task_runner.main": task_runner.main,
        "supervisor._fork_main": supervisor._fork_main,
        "supervisor._configure_logs_over_json_channel": supervisor._configure_logs_over_json_channel,
        "supervisor._reopen_std_io_handles": supervisor._reopen_std_io_handles,
        "supervisor._reset_signals": supervisor._reset_signals,
        "supervisor.ActivitySubprocess._handle_request": supervisor.ActivitySubprocess._handle_request,
        "supervisor.ActivitySubprocess._on_child_started": supervisor.ActivitySubprocess._on_child_started,
    }


def digest(function: Any) -> str:
    """SHA-256 of a function's source: what `REVIEWED` compares."""
    return hashlib.sha256(inspect.getsource(inspect.unwrap(function)).encode()).hexdigest()
