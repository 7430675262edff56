"""What is compared of one run: told by the public API alone, so that Airflow and we are asked the same way."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

from benchmarks.peers.rest import ApiRefused, Rest

PAGE = 100
VARIES = "(varies)"
"""Stands for what Airflow itself answers differently from run to run."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SITE = re.compile(r"https?://[^/\s]+(/t/[^/\s]+)?(?=/dags/)")
"""What comes before a page's path: it is where the service is found."""
_PYTHON = re.compile(r"/[^\s'\"]+/bin/python[0-9.]*")
_EVENT = ("name", "uri", "group", "extra")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


def observe(rest: Rest, dag_id: str, run_id: str) -> dict[str, Any]:
    """The run's state, of each task instance state, tries, rendered fields and XComs, and the events of assets."""
    base = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"
    run = rest.call("GET", base)
    tasks: dict[str, Any] = {}
    for row in rest.task_instances(dag_id, run_id):
        tasks[_name(row)] = {
            "state": row["state"],
            "tries": row["try_number"],
            "rendered": _plain(row["rendered_fields"]),
            "label": row["rendered_map_index"],
            "xcoms": {},
        }
    for entry in _xcoms(rest, base):
        path = f"{base}/taskInstances/{quote(entry['task_id'])}/xcomEntries/{quote(entry['key'], safe='')}"
        try:
            value = rest.call("GET", f"{path}?map_index={entry['map_index']}")["value"]
        except ApiRefused as refused:
            value = f"(refused: {refused.status})"
        tasks[_name(entry)]["xcoms"][entry["key"]] = _in_order(entry["key"], _plain(value))
    seen = {"state": run["state"], "tasks": tasks}
    if events := _events(rest, dag_id, run_id, since=run["queued_at"]):
        seen["events"] = events
    return seen


def _events(rest: Rest, dag_id: str, run_id: str, *, since: str) -> list[Any]:
    """Of assets that this run's tasks told, in an order of their own. Those of an earlier run of the same id stay."""
    asked = f"source_dag_id={quote(dag_id)}&source_run_id={quote(run_id)}&limit={PAGE}&timestamp_gte={quote(since)}"
    page = rest.call("GET", f"/api/v2/assets/events?{asked}")["asset_events"]
    told = [
        {
            **{name: _plain(event[name]) for name in _EVENT},
            "of": f"{event['source_task_id']}[{event['source_map_index']}]",
        }
        for event in page
    ]
    return sorted(told, key=lambda event: json.dumps(event, sort_keys=True))


def _xcoms(rest: Rest, base: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = rest.call("GET", f"{base}/taskInstances/~/xcomEntries?limit={PAGE}&offset={len(found)}")
        found += page["xcom_entries"]
        if not page["xcom_entries"] or len(found) >= page["total_entries"]:
            return found


def _name(row: dict[str, Any]) -> str:
    return row["task_id"] if row["map_index"] < 0 else f"{row['task_id']}[{row['map_index']}]"


def _plain(value: Any) -> Any:
    """Without what no two runs share: instants, ids, addresses."""
    if isinstance(value, str):
        value = _PYTHON.sub("(python)", _SITE.sub("", value))
        return _ADDRESS.sub("(address)", _UUID.sub("(uuid)", _INSTANT.sub("(instant)", value)))
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _in_order(key: str, value: Any) -> Any:
    """What a branch followed or skipped is a set, told in any order."""
    if key == "skipmixin_key" and isinstance(value, dict):
        return {name: sorted(tasks, key=str) for name, tasks in value.items()}
    return value


def agreed(first: Any, second: Any) -> Any:
    """What two runs on Airflow say alike; `VARIES` where they do not."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {
            key: agreed(first[key], second[key]) if key in first and key in second else VARIES
            for key in sorted({*first, *second})
        }
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [agreed(one, other) for one, other in zip(first, second, strict=True)]
    return first if first == second else VARIES


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Each place where ours is not what Airflow's is, as `place: expected, found`."""
    if expected == VARIES:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        out: list[str] = []
        for key in sorted({*expected, *found}):
            place = f"{where}.{key}" if where else str(key)
            if key not in found:
                out += (
                    [] if expected[key] == VARIES else [f"{place}: Airflow has {expected[key]!r}, we nothing"]
                )
            elif key not in expected:
                out.append(f"{place}: Airflow has nothing, we {found[key]!r}")
            else:
                out += differences(expected[key], found[key], place)
        return out
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            line
            for number, (one, other) in enumerate(zip(expected, found, strict=True))
            for line in differences(one, other, f"{where}[{number}]")
        ]
    return [] if expected == found else [f"{where}: Airflow {expected!r}, we {found!r}"]
