"""What an agent is given to do. One `Workload` is one attempt: (tenant, id, epoch) names it everywhere."""

from __future__ import annotations

from typing import Any

import msgspec

from taskwire.dagspec import Struct
from taskwire.parsing import ParseOrder


class Limits(Struct, kw_only=True):
    """What one attempt may use. `None` means the agent's own bound."""

    memory_bytes: int | None = None
    processes: int | None = None
    open_files: int | None = None
    file_size_bytes: int | None = None
    cpu_seconds: int | None = None
    wall_seconds: float | None = None
    log_bytes: int | None = None


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


class BuildWork(Struct, kw_only=True):
    """Build a tenant runtime: the base of `airflow` plus `requirements`."""

    runtime_digest: str
    airflow: str
    python: str
    requirements: str = ""


class Workload(Struct, kw_only=True):
    """An order to an agent. Exactly one of `task`, `parse`, `build` is set, as `kind` says."""

    id: str
    """UUID: the task instance, the bundle version or the runtime."""
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
