"""What an agent is given to do. One `Workload` is one attempt: (tenant, id, epoch) names it everywhere."""

from __future__ import annotations

from typing import Any

import msgspec

from taskwire.dagspec import Struct
from taskwire.parsing import ParseOrder
from taskwire.timetabling import TimetableOrder


class Limits(Struct, kw_only=True):
    """What one attempt may use. `None` means the agent's own bound."""

    memory_bytes: int | None = None
    processes: int | None = None
    open_files: int | None = None
    file_size_bytes: int | None = None
    cpu_seconds: int | None = None
    wall_seconds: float | None = None
    log_bytes: int | None = None
    cpu_millis: int | None = None
    """Thousandths of a processor that all of its processes may use at a time."""


class BundleRef(Struct, kw_only=True):
    """Where an attempt's code is: fetched once by digest, unpacked read-only."""

    digest: str
    """SHA-256 of the artefact."""
    name: str = "dags"
    version: str | None = None
    """What Airflow shows as bundle version: the commit, or the digest for an upload."""


class TaskWork(Struct, kw_only=True):
    """Run one task instance. `ti` and `ti_context` are the Execution API's own shapes (2026-06-30)."""

    ti: dict[str, Any]
    """id, task_id, dag_id, run_id, try_number, map_index, dag_version_id, hostname, context_carrier, queue."""
    ti_context: dict[str, Any]
    """TIRunContext as JSON: dag_run, max_tries, should_retry, next_method, next_kwargs, ..."""
    dag_rel_path: str
    dag_version: str
    """Content hash of the DAG version: with bundle and runtime it names a zygote."""
    token: str
    """Per-try token for the Task Execution API. Held by the agent, never given to the child."""
    log_key: str
    """Relative storage key of this try's log."""
    log_offset: int = 0
    """Bytes that an earlier attempt of the same try left in it (a reschedule, a deferral): write behind them."""
    started_at: str
    fresh_parse: bool = False
    secrets_to_mask: list[str] = []
    base_url: str = ""
    """What links to this tenant's pages begin with (Airflow's `[api] base_url`)."""


class CallbackWork(Struct, kw_only=True):
    """Run a callback of a DAG's author: of a task whose process could not, of a run, of a deadline."""

    kind: str
    """`task_failure`, `task_retry`, `dag_success`, `dag_failure`, `deadline`, `sla_miss`."""
    dag_id: str
    run_id: str
    ti: dict[str, Any] | None = None
    """The task instance it tells of, as `TaskWork.ti`; of a run the one that decided, of a deadline none."""
    state: str | None = None
    """The task instance's state, for the callbacks of a task."""
    started_at: str | None = None
    ended_at: str | None = None
    dag_run: dict[str, Any]
    max_tries: int = 0
    reason: str = ""
    deadline: dict[str, Any] = {}
    """Of a deadline: {"id", "deadline_time", "number", "dag_run"}; of `sla`s: {"tasks", "execution_date",
    "timestamp", "blocking"}."""
    dag_rel_path: str
    dag_version: str
    fresh_parse: bool = False
    token: str
    """For the Task Execution API while the callback runs. Held by the agent, never given to the child."""
    log_key: str
    base_url: str = ""


class TriggerWork(Struct, kw_only=True):
    """Run one trigger until it fires. Many share one process of their tenant's runtime."""

    classpath: str
    kwargs: Any = None
    """As Airflow's SDK encoded them."""
    ti: dict[str, Any] | None = None
    """The task instance that waits, as `TaskWork.ti`; None for an asset watcher."""
    assets: dict[str, str] = {}
    """Of an asset watcher: the assets it watches, {name: uri}."""
    timeout_at: str | None = None
    token: str
    """For the Task Execution API, as the task itself has one. Held by the agent, never given to the child."""
    log_key: str = ""
    """The log of the task's try: the trigger's lines go there too. Empty for an asset watcher."""
    log_offset: int = 0
    dag_rel_path: str = ""
    """Of a task that begins in its trigger: the file that defines it, for what is to be rendered."""
    dag_run: dict[str, Any] | None = None
    max_tries: int = 0


class BuildWork(Struct, kw_only=True):
    """Build a tenant runtime: the base of `airflow` plus `requirements`."""

    runtime_digest: str
    airflow: str
    python: str
    requirements: str = ""


class ConnectionTestWork(Struct, kw_only=True):
    """Test one connection with its hook, in the tenant's runtime, behind a guarded network."""

    connection: dict[str, Any]
    """conn_id, conn_type, host, schema, login, password, port, extra: in clear, for the child alone."""
    seconds: float = 20.0


class Workload(Struct, kw_only=True):
    """An order to an agent. Exactly one of `task`, `parse`, `build`, `timetable`, `callback`, `trigger`,
    `connection_test` is set, as `kind` (there `conn_test`) says."""

    id: str
    """UUID: the task instance, the bundle version, the runtime, the DAG whose timetable is asked, the callback, the
    asset watcher's trigger or the connection test."""
    tenant_id: str
    tenant: str
    """Slug, for folders, host names and logs."""
    epoch: int
    kind: str
    queue: str = "default"
    runtime_digest: str = ""
    bundle: BundleRef | None = None
    limits: Limits = msgspec.field(default_factory=Limits)
    task: TaskWork | None = None
    parse: ParseOrder | None = None
    build: BuildWork | None = None
    timetable: TimetableOrder | None = None
    callback: CallbackWork | None = None
    trigger: TriggerWork | None = None
    connection_test: ConnectionTestWork | None = None
