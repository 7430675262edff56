"""The first frame of a task: Airflow's StartupDetails, and beside it what is ours. No token is in it."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import msgspec

from taskwire.workload import CallbackWork, TaskWork, Workload

_HOST = socket.gethostname()


def startup_message(work: Workload, task: TaskWork, *, relays: bool = False) -> dict[str, Any]:
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
            "base_url": task.base_url,
            "relays_mail": relays,
        },
    }


def callback_message(work: Workload, order: CallbackWork, *, relays: bool = False) -> dict[str, Any]:
    """The first frame of a child that runs a callback. What is the agent's alone stays here."""
    told = msgspec.to_builtins(order)
    for name in ("token", "log_key"):
        del told[name]
    return {
        "type": "AerodromeCallback",
        "aerodrome": {
            "title": f"aerodrome-callback {work.tenant} {work.id} e{work.epoch}",
            "fresh_parse": order.fresh_parse,
            "base_url": order.base_url,
            "relays_mail": relays,
            "callback": told,
        },
    }


def now_iso() -> str:
    return datetime.now(tz=UTC).isoformat().replace("+00:00", "Z")
