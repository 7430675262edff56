"""GET /config, /config/section/{section}/option/{option}, /plugins, /plugins/importErrors, /providers and /jobs.

The platform's own settings are nobody's but its operators': configuration answers as it does in an Airflow that does
not expose it. What a tenant runs (providers) is read from its newest runtime; the loops of the platform are its jobs.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from api.v2.listing import ordering
from api.v2.operation import Call, operation
from api.v2.query import Query, Range
from api.v2.refusals import Refusal
from controlplane.foundation.heartbeats import is_alive, last_beat
from controlplane.ledger.models.runtime import Runtime

NOT_EXPOSED = (
    "Your Airflow administrator chose not to expose the configuration, most likely for security reasons."
)
JOBS = (("scheduler", "SchedulerJob"), ("dag_processor", "DagProcessorJob"), ("triggerer", "TriggererJob"))
"""Our loops and what Airflow calls theirs. Their ids are the places in this list."""
JOB_ORDERS = (
    "id",
    "dag_id",
    "state",
    "job_type",
    "start_date",
    "end_date",
    "latest_heartbeat",
    "executor_class",
    "hostname",
    "unixname",
)
_PROVIDER = re.compile(r"^(apache-airflow-providers-[a-z0-9-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


@operation("tenant.read")
def get_config(call: Call) -> Any:
    """Refused to everybody."""
    raise Refusal(403, NOT_EXPOSED)


@operation("tenant.read")
def get_config_value(call: Call, section: str, option: str) -> Any:
    """Refused to everybody."""
    raise Refusal(403, NOT_EXPOSED)


@operation("tenant.read")
def get_plugins(call: Call) -> Any:
    """None: no code of a tenant runs in the API's process. Plugins of a bundle are loaded where its tasks run."""
    call.query.limit(), call.query.offset()
    return {"plugins": [], "total_entries": 0}


@operation("tenant.read")
def import_errors(call: Call) -> Any:
    """Of plugins: none, as none is loaded."""
    return {"import_errors": [], "total_entries": 0}


@operation("runtimes.read")
def get_providers(call: Call) -> Any:
    """The providers that the newest ready runtime pins."""
    offset, limit = call.query.offset(), call.query.limit()
    texts = Runtime.objects.filter(state="ready").order_by("-ready_at").values_list("requirements", flat=True)
    found = sorted(set(_PROVIDER.findall(texts.first() or "")))
    providers = [
        {
            "package_name": name,
            "description": name.removeprefix("apache-airflow-providers-"),
            "version": version,
            "documentation_url": None,
        }
        for name, version in found
    ]
    return {"providers": providers[offset : offset + limit], "total_entries": len(providers)}


@operation("tenant.read")
def get_jobs(call: Call) -> Any:
    """The platform's loops that were ever alive, by their heartbeats. Hosts are not a tenant's to know."""
    query = call.query
    columns = ordering(query.texts("order_by"), {name: name for name in JOB_ORDERS}, default="id")
    bounds = [query.instants("start_date"), query.instants("end_date")]
    offset, limit, alive = query.offset(), query.limit(), query.boolean("is_alive")
    found = [job for job in _jobs(call.now) if _wanted(job, query, bounds)]
    for name, descending in reversed(columns):
        found.sort(key=lambda job: (job[name] is None, job[name] or 0), reverse=descending)
    shown = found[offset : offset + limit]
    if alive is not None:  # as in Airflow, true and false both ask for the living
        shown = [job for job in shown if job["state"] == "running"]
    return {"jobs": shown, "total_entries": len(found)}


def _jobs(now: datetime) -> list[dict[str, Any]]:
    beats = [(number, kind, last_beat(service=name)) for number, (name, kind) in enumerate(JOBS, start=1)]
    nothing = dict.fromkeys((*JOB_ORDERS, "dag_display_name"))
    return [
        nothing
        | {
            "id": number,
            "job_type": kind,
            "latest_heartbeat": beat_at,
            "state": "running" if is_alive(beat_at=beat_at, now=now) else "failed",
        }
        for number, kind, beat_at in beats
        if beat_at is not None
    ]


def _wanted(job: dict[str, Any], query: Query, bounds: list[Range]) -> bool:
    if any(each.bounds for each in bounds):
        return False  # no loop says when it began
    names = (("job_state", "state"), ("job_type", "job_type"), ("hostname", "hostname"))
    return all(
        (wanted := query.text(name)) is None or job[field] == wanted
        for name, field in (*names, ("executor_class", "executor_class"))
    )
