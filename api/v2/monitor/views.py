"""GET /version and /monitor/health: open to everybody, and the same at every address, so that they do not
tell which tenants exist."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError, connections
from django.http import HttpRequest, HttpResponse

from api.json_answers import json_answer
from controlplane.foundation.clock import utc_now
from controlplane.foundation.heartbeats import is_alive, last_beat

AIRFLOW_VERSION = "3.3.2"
"""Of the API that we speak."""
log = logging.getLogger("aerodrome.api")


def get_version(request: HttpRequest, slug: str) -> HttpResponse:
    """Airflow's version, so that clients know which API they talk to."""
    return json_answer({"version": AIRFLOW_VERSION, "git_version": None})


def get_health(request: HttpRequest, slug: str) -> HttpResponse:
    """Database, scheduler, triggerer, DAG processor; null for what never ran."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        database = "healthy"
    except DatabaseError:
        database = "unhealthy"
    return json_answer(
        {
            "metadatabase": {"status": database},
            "scheduler": _service("scheduler", "latest_scheduler_heartbeat", never="unhealthy"),
            "triggerer": _service("triggerer", "latest_triggerer_heartbeat"),
            "dag_processor": _service("dag_processor", "latest_dag_processor_heartbeat"),
        }
    )


def _service(name: str, field: str, never: str | None = None) -> dict[str, Any]:
    try:
        beat_at = last_beat(service=name)
    except OSError as error:
        log.warning("heartbeats cannot be read: %s", error)
        return {"status": "unhealthy", field: None}
    if beat_at is None:
        return {"status": never, field: None}
    status = "healthy" if is_alive(beat_at=beat_at, now=utc_now()) else "unhealthy"
    return {"status": status, field: beat_at.isoformat()}
