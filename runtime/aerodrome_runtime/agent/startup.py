"""The first frame of a task: Airflow's StartupDetails, and beside it what is ours. No token is in it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

from taskwire.workload import TaskWork, Workload

_HOST = socket.gethostname()


def startup_message(work: Workload, task: TaskWork) -> dict[str, Any]:
    """As `ActivitySubprocess._on_child_started` builds it.

    `start_date` is the context's when the server set one (a resumed task keeps its first start), else the
    instant the claim started the attempt.
    """
    ti = {"hostname": _HOST, **task.ti}
    bundle = work.bundle
    return {
        "type": "StartupDetails",
        "ti": ti,
        "dag_rel_path": task.dag_rel_path,
        "bundle_info": {
            "name": bundle.name if bundle else "dags",
            "version": (bundle.version or bundle.digest) if bundle else None,
        },
        "start_date": task.ti_context.get("start_date") or task.started_at,
        "ti_context": task.ti_context,
        "sentry_integration": "",
        "aerodrome": {
            "title": f"aerodrome-task {work.tenant} {work.id} e{work.epoch}",
            "fresh_parse": task.fresh_parse,
        },
    }


def now_iso() -> str:
    return datetime.now(tz=UTC).isoformat().replace("+00:00", "Z")
