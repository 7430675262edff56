"""What a push would change: the DAGs of a folder beside those of a server, or of an earlier verdict in a file."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from taskwire.dagspec import DagSpec

PAGE = 100
SECONDS = 20


class NotCompared(Exception):
    """What is deployed could not be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A DAG's schedule in words, and task -> tasks after it."""

    schedule: str
    tasks: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Change:
    """`kind` is `added`, `removed` or `changed`; `details` are lines for people."""

    dag_id: str
    kind: str
    details: list[str]


def shapes_of(accepted: Mapping[str, DagSpec]) -> dict[str, Shape]:
    """The shapes of DAGs that would be stored."""
    return {
        dag_id: Shape(spec.timetable.summary, {task.task_id: sorted(task.downstream) for task in spec.tasks})
        for dag_id, spec in accepted.items()
    }


def read_deployed(*, source: str, token: str | None) -> dict[str, Shape]:
    """From a server (`https://host/t/tenant`, its public API) or a file that `--format json` wrote."""
    if not source.startswith(("http://", "https://")):
        return _from_file(Path(source))
    dags: list[dict[str, Any]] = []
    while True:
        page = _get(source, f"dags?limit={PAGE}&offset={len(dags)}&order_by=dag_id", token)
        dags += page["dags"]
        if not page["dags"] or len(dags) >= page["total_entries"]:
            break
    told = {}
    for dag in dags:
        tasks = _get(source, f"dags/{urllib.parse.quote(dag['dag_id'], safe='')}/tasks", token)["tasks"]
        told[dag["dag_id"]] = Shape(
            dag["timetable_summary"] or "None",
            {task["task_id"]: sorted(task["downstream_task_ids"]) for task in tasks},
        )
    return told


def compare(*, deployed: Mapping[str, Shape], here: Mapping[str, Shape]) -> list[Change]:
    """Every DAG that differs, in the order of their ids. Pure."""
    changes = [Change(dag_id, "removed", []) for dag_id in deployed.keys() - here.keys()]
    for dag_id, new in here.items():
        old = deployed.get(dag_id)
        if old is None:
            changes.append(Change(dag_id, "added", [f"{len(new.tasks)} tasks, schedule {new.schedule}"]))
        elif details := _differences(old, new):
            changes.append(Change(dag_id, "changed", details))
    return sorted(changes, key=lambda change: change.dag_id)


def _differences(old: Shape, new: Shape) -> list[str]:
    told = []
    if old.schedule != new.schedule:
        told.append(f"schedule {old.schedule} -> {new.schedule}")
    told += [f"task {task_id} removed" for task_id in sorted(old.tasks.keys() - new.tasks.keys())]
    told += [f"task {task_id} added" for task_id in sorted(new.tasks.keys() - old.tasks.keys())]
    before, after = _edges(old), _edges(new)
    kept = old.tasks.keys() & new.tasks.keys()
    told += [f"edge {a} >> {b} removed" for a, b in sorted(before - after) if a in kept and b in kept]
    told += [f"edge {a} >> {b} added" for a, b in sorted(after - before)]
    return told


def _edges(shape: Shape) -> set[tuple[str, str]]:
    return {(task_id, after) for task_id, more in shape.tasks.items() for after in more}


def _from_file(path: Path) -> dict[str, Shape]:
    try:
        dags = json.loads(path.read_text("utf-8"))["dags"]
        return {dag_id: Shape(dag["schedule"], dag["tasks"]) for dag_id, dag in dags.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotCompared(f"{path} is not what `validate --format json` writes: {error}") from error


def _get(base: str, path: str, token: str | None) -> dict[str, Any]:
    request = urllib.request.Request(f"{base.rstrip('/')}/api/v2/{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        way_out = ": give a token of the tenant with --token" if error.code in (401, 403) else ""
        raise NotCompared(
            f"{base} answered {error.code} to /api/v2/{path.partition('?')[0]}{way_out}"
        ) from error
    except (OSError, ValueError) as error:
        raise NotCompared(f"{base} cannot be asked: {error}") from error
