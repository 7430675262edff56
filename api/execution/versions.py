"""Older dated versions of the Task Execution API, as Airflow 3.3.2 still serves them to older workers.

A client names the version it was made for in `Airflow-API-Version`; a date between two versions means the earlier
one. Endpoints that came later do not exist for it, and answers lose (or regain) what changed since. What each version
changed: `airflow/api_fastapi/execution_api/versions` in Airflow's distribution.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable
from typing import Any

import msgspec
from django.http import HttpResponse

VERSIONS = (
    "2025-04-11", "2025-04-28", "2025-05-20", "2025-08-10", "2025-09-23", "2025-10-27", "2025-11-05", "2026-04-06",
    "2026-06-30",
)  # fmt: skip
NEWEST = VERSIONS[-1]

_SINCE: list[tuple[str, str, re.Pattern[str], int]] = [
    (since, method, re.compile(pattern), status)
    for since, method, pattern, status in (
        ("2026-06-30", "", r"/connection-tests/", 404),
        ("2026-06-30", "", r"/store/", 404),
        ("2026-06-30", "GET", r"/assets/by-alias$", 404),
        ("2026-04-06", "GET", r"/dag-runs/previous$", 404),
        ("2026-04-06", "GET", r"/dag-runs/(?!count$|previous$)[^/]+/(?!previous$)[^/]+$", 405),
        ("2026-04-06", "GET", r"/dags/[^/]+$", 404),
        ("2025-08-10", "GET", r"/dag-runs/[^/]+/previous$", 405),
    )
]
"""What came later: since when, method (empty: all), path, and how an older version answers: 405 where it has another
method. `/variables/keys` was a Variable called `keys` before (`variables.py`)."""
Body = dict[str, Any]


def negotiated(wanted: str | None) -> str | None:
    """The version that answers a client, None for one from before the first (nothing exists for it).

    As in Airflow, versions are compared as texts: what is no date is after all of them.
    """
    if not wanted:
        return NEWEST
    place = bisect.bisect_right(VERSIONS, wanted)
    return VERSIONS[place - 1] if place else None


def missing(*, version: str, method: str, path: str) -> int | None:
    """How this version answers an operation that it does not have; `path` is what follows `/execution`."""
    for since, only, at, status in _SINCE:
        if since > version and method == (only or method) and at.match(path):
            return status
    return None


def fitted(response: HttpResponse, *, version: str, method: str, path: str) -> HttpResponse:
    """The answer as this version words it."""
    if version == NEWEST or response.status_code != 200 or not response.content:
        return response
    change = _change_of(method, path)
    if change is None:
        return response
    body = msgspec.json.decode(response.content)
    if isinstance(body, dict):
        change(body, version)
        response.content = msgspec.json.encode(body)
    return response


def _change_of(method: str, path: str) -> Callable[[Body, str], None] | None:
    if method == "PATCH" and re.match(r"/task-instances/[^/]+/run$", path):
        return _run_context
    if method == "GET" and re.match(r"/dag-runs/(previous|[^/]+/[^/]+)$", path):
        return _dag_run
    if method == "GET" and path.startswith("/asset-events/"):
        return _asset_events
    return None


def _run_context(body: Body, version: str) -> None:
    run = body.get("dag_run")
    if isinstance(run, dict):
        _dag_run(run, version)
        for event in run.get("consumed_asset_events") or ():
            event.pop("partition_key", None)
        if version < "2026-04-06":
            run.pop("partition_key", None)
            run.pop("note", None)
        if version < "2025-11-05":
            run.pop("triggering_user_name", None)
        if version < "2025-10-27" and run.get("conf") is None:
            run["conf"] = {}
        if version < "2025-08-10":
            run.pop("state", None)
    if version < "2026-04-06":
        body["upstream_map_indexes"] = None
        body.pop("start_date", None)
        if body.get("next_kwargs") is not None:
            body["next_kwargs"] = _wrapped(body["next_kwargs"])


def _dag_run(body: Body, version: str) -> None:
    body.pop("team_name", None)
    body.pop("partition_date", None)
    if version < "2026-04-06" and body.get("start_date") is None:
        body["start_date"] = body.get("run_after")


def _asset_events(body: Body, version: str) -> None:
    if version < "2026-04-06":
        for event in body.get("asset_events") or ():
            event.pop("partition_key", None)


def _wrapped(value: Any) -> Any:
    """Plain values as workers before Task SDK 1.2 read them: a dict says that it is one.

    Values of classes other than instants and durations stay as they were told: such a worker cannot read them from
    Airflow either when the class is not importable in its server.
    """
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    if not isinstance(value, dict):
        return value
    data = value.get("__data__")
    match value.get("__classname__"):
        case "datetime.datetime" | "pendulum.datetime.DateTime" if isinstance(data, dict):
            return {"__type": "datetime", "__var": data["timestamp"]}
        case "datetime.timedelta":
            return {"__type": "timedelta", "__var": data}
        case None:
            return {"__type": "dict", "__var": {key: _wrapped(item) for key, item in value.items()}}
    return value
