"""The house rules of `rules.py`, held against the DAGs that would be accepted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from launcher.validate.problems import Level, Problem
from launcher.validate.rules import Rules, Wish
from taskwire.dagspec import DagSpec

_NOBODY = {"", "airflow"}
_LEVELS: dict[str, Level] = {"warn": "warning", "error": "error"}


def level_of(wish: Wish) -> Level:
    return _LEVELS[wish]


def against_policy(*, accepted: Mapping[str, DagSpec], rules: Rules) -> Iterator[Problem]:
    """One problem per DAG and rule."""
    for dag_id, spec in sorted(accepted.items()):
        if rules.owner != "off":
            yield from _owner(dag_id, spec, level_of(rules.owner))
        if rules.timeout != "off":
            yield from _timeout(dag_id, spec, level_of(rules.timeout))
        if rules.retries != "off":
            yield from _retries(dag_id, spec, level_of(rules.retries), rules.max_retries)


def _owner(dag_id: str, spec: DagSpec, level: Level) -> Iterator[Problem]:
    without = [task.task_id for task in spec.tasks if task.owner in _NOBODY]
    if without:
        yield Problem(
            level, "AERO-POLICY-owner", spec.relative_fileloc, 0,
            f"DAG {dag_id!r}: {_some(without)} without an owner", 'default_args={"owner": "..."}',
        )  # fmt: skip


def _timeout(dag_id: str, spec: DagSpec, level: Level) -> Iterator[Problem]:
    if spec.dagrun_timeout_seconds is not None:
        return
    without = [
        task.task_id for task in spec.tasks if task.execution_timeout_seconds is None and not task.is_empty
    ]
    if without:
        yield Problem(
            level, "AERO-POLICY-timeout", spec.relative_fileloc, 0,
            f"DAG {dag_id!r} has no dagrun_timeout, and {_some(without)} no execution_timeout",
            "DAG(dagrun_timeout=timedelta(...))",
        )  # fmt: skip


def _retries(dag_id: str, spec: DagSpec, level: Level, most: int) -> Iterator[Problem]:
    over = [task.task_id for task in spec.tasks if task.retries > most]
    if over:
        yield Problem(
            level, "AERO-POLICY-retries", spec.relative_fileloc, 0,
            f"DAG {dag_id!r}: {_some(over)} with more than {most} retries", f"retries={most}",
        )  # fmt: skip


def _some(task_ids: list[str]) -> str:
    shown = ", ".join(repr(task_id) for task_id in task_ids[:3])
    more = len(task_ids) - 3
    word = "task" if len(task_ids) == 1 else "tasks"
    return f"{word} {shown}" + (f" and {more} more" if more > 0 else "")
