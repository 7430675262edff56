"""Whether a told DAG can be stored: what comes out of a tenant's runtime is checked before it is believed.

Pure. The runtime checks most of this itself and says it better; this is the wall behind it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import msgspec

from domain.assets import LONGEST, LONGEST_BYTES, asset_refusal, key_of, leaves
from domain.graph import CycleFound, EdgeUnknown, topological_order
from domain.partition_mappers import check as check_mapper
from domain.partition_windows import PartitionInvalid
from domain.readings import MOST_INSTANCES, first_count
from domain.timetables.evaluate import check
from domain.timetables.instants import TimetableInvalid
from domain.trigger_rules import RULE_CODES
from taskwire.canonical import canonical_json
from taskwire.dagspec import DagSpec, TaskSpec
from taskwire.parsing import Finding, ImportFailure

MOST_TASKS = 10_000
MOST_SPEC_BYTES = 32 * 1024 * 1024
EXECUTORS = frozenset({"local", "LocalExecutor", "airflow.executors.local_executor.LocalExecutor"})
"""Names under which tasks may ask for the executor that there is."""
_MOST_INT = 2**31 - 1
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_decoder = msgspec.json.Decoder(DagSpec)


class DagInvalid(ValueError):
    """The DAG cannot be stored; `kind` as in `ImportFailure`."""

    def __init__(self, message: str, kind: str = "invalid") -> None:
        super().__init__(message)
        self.kind = kind


def canonical_spec(spec: DagSpec) -> bytes:
    """The spec's canonical JSON, whose hash is the version. Raises `DagInvalid`."""
    try:
        text = canonical_json(spec)
        _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise DagInvalid(f"DAG {spec.dag_id!r} cannot be told in JSON: {error}") from error
    if len(text) > MOST_SPEC_BYTES:
        raise DagInvalid(f"DAG {spec.dag_id!r} is larger than {MOST_SPEC_BYTES >> 20} MB when told in JSON")
    if _NUL.search(text):
        raise DagInvalid(f"DAG {spec.dag_id!r} holds a NUL character in one of its texts")
    _check_dag(spec)
    return text


def failure_of(*, path: str, error: DagInvalid) -> ImportFailure:
    """The refusal as an import error of its file."""
    return ImportFailure(path=path, message=str(error), stacktrace=str(error), kind=error.kind)


def timetable_finding(*, path: str, spec: DagSpec) -> Finding | None:
    """What is wrong with the DAG's schedule: it is stored, and never runs by itself."""
    try:
        check(spec.timetable)
        for mapper in _mappers(spec):
            check_mapper(mapper)
    except (TimetableInvalid, PartitionInvalid) as error:
        return Finding(
            code="AERO-TIMETABLE",
            message=f"DAG {spec.dag_id!r} has no schedule that can be followed: {error}",
            path=path,
            severity="error",
        )
    return None


def _mappers(spec: DagSpec) -> list[Any]:
    told = spec.timetable.partition or {}
    return [
        mapper
        for mapper in (told.get("default_mapper"), *(each.get("mapper") for each in told.get("mappers", ())))
        if mapper is not None
    ]


def _check_dag(spec: DagSpec) -> None:
    if not spec.dag_id or len(spec.dag_id) > 250:
        raise DagInvalid(f"the dag_id {spec.dag_id[:80]!r} must have 1 to 250 characters")
    if len(spec.tasks) > MOST_TASKS:
        raise DagInvalid(
            f"DAG {spec.dag_id!r} has {len(spec.tasks)} tasks; at most {MOST_TASKS} are possible"
        )
    if len({task.task_id for task in spec.tasks}) != len(spec.tasks):
        raise DagInvalid(f"DAG {spec.dag_id!r} has two tasks of the same task_id")
    for number in (spec.max_active_runs, spec.max_active_tasks, spec.max_consecutive_failed_dag_runs):
        _check_int(number, f"a limit of DAG {spec.dag_id!r}")
    for what, instant in (("start_date", spec.start_date), ("end_date", spec.end_date)):
        _check_instant(instant, f"the {what} of DAG {spec.dag_id!r}")
    _check_assets(spec)
    for task in spec.tasks:
        _check_task(task)
        if (count := first_count(spec, task)) > MOST_INSTANCES:
            raise DagInvalid(
                f"task {task.task_id!r} is mapped {count} times; at most {MOST_INSTANCES} are possible"
            )
    try:
        topological_order(spec.tasks)
    except CycleFound as error:
        raise DagInvalid(f"DAG {spec.dag_id!r}: {error}", kind="cycle") from error
    except EdgeUnknown as error:
        raise DagInvalid(f"DAG {spec.dag_id!r}: {error}") from error


def _check_assets(spec: DagSpec) -> None:
    told = [
        *leaves(spec.timetable.condition),
        *(a for task in spec.tasks for a in (*task.inlets, *task.outlets)),
    ]
    for each in told:
        if each.get("type") == "asset":
            refusal = asset_refusal(*key_of(each))
            if refusal is None and len(str(each.get("group") or "")) > LONGEST:
                refusal = f"the group of asset {key_of(each)[0][:80]!r} is longer than {LONGEST} characters"
        elif each.get("type") in ("alias", "ref"):
            name = str(each.get("name") or each.get("uri") or "")
            fits = 0 < len(name) <= LONGEST and len(name.encode()) <= LONGEST_BYTES
            refusal = (
                None if fits else f"the {each['type']} {name[:80]!r} must have 1 to {LONGEST} characters"
            )
        else:
            refusal = None
        if refusal:
            raise DagInvalid(f"DAG {spec.dag_id!r}: {refusal}")


def _check_task(task: TaskSpec) -> None:
    for what, text, most in (
        ("task_id", task.task_id, 250),
        ("pool", task.pool, 256),
        ("queue", task.queue, 256),
    ):
        if not text or len(text) > most:
            raise DagInvalid(f"task {task.task_id[:80]!r}: its {what} must have 1 to {most} characters")
    if task.trigger_rule not in RULE_CODES:
        raise DagInvalid(f"task {task.task_id!r} has the unknown trigger rule {task.trigger_rule!r}")
    if task.executor and task.executor not in EXECUTORS:
        # Airflow's words; its import error names the exception first.
        raise DagInvalid(
            f"UnknownExecutorException: Task '{task.task_id}' specifies executor '{task.executor}', which is not "
            "available. Make sure it is listed in your [core] executors configuration, or update the task's "
            "executor to use one of the configured executors."
        )
    for what, instant in (("start_date", task.start_date), ("end_date", task.end_date)):
        _check_instant(instant, f"the {what} of task {task.task_id!r}")
    for what, number in (
        ("pool_slots", task.pool_slots),
        ("retries", task.retries),
        ("max_active_tis_per_dag", task.max_active_tis_per_dag or 0),
        ("max_active_tis_per_dagrun", task.max_active_tis_per_dagrun or 0),
    ):
        _check_int(number, f"{what} of task {task.task_id!r}")


def _check_int(number: int, what: str) -> None:
    if not 0 <= number <= _MOST_INT:
        raise DagInvalid(f"{what} is {number}; it must lie between 0 and {_MOST_INT}")


def _check_instant(text: str | None, what: str) -> None:
    if text is None:
        return
    try:
        aware = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise DagInvalid(f"{what} is {text[:40]!r}, which is not an instant with a time zone")
