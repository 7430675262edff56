"""Kinds of rules with their settings, and which DAGs a rule (or a maintenance window) is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that a kind of rule takes: between `least` and `most`, `default` unless given."""

    default: float
    least: float
    most: float
    what: str


@dataclass(frozen=True, slots=True)
class Kind:
    """`signals`: what must have happened for such a rule to be weighed. `system`: it is about the platform's side
    of the tenant, not about one DAG's own failure."""

    what: str
    signals: frozenset[str]
    settings: Mapping[str, Setting]
    system: bool = False


DAY = 86_400.0

KINDS: Final[dict[str, Kind]] = {
    "run_failed": Kind("A run of a DAG failed", frozenset({"run_failed"}), {}),
    "task_failed": Kind(
        "A task failed; with `on_retry` 1 also when it will be tried again",
        frozenset({"task_failed", "task_retried"}),
        {"on_retry": Setting(0, 0, 1, "1: also tell of failures that have tries left")},
    ),
    "run_absent": Kind(
        "No run of a DAG began for too long, whether it is scheduled, paused or gone",
        frozenset({"run_absent"}),
        {"within_seconds": Setting(DAY, 60, 400 * DAY, "how old the newest run may be")},
    ),
    "deadline_missed": Kind("A deadline or an `sla` was missed", frozenset({"deadline_missed"}), {}),
    "runtime_regression": Kind(
        "A run took much longer than runs of this DAG do: median and median absolute deviation of the last ones",
        frozenset({"run_succeeded"}),
        {
            "last": Setting(20, 5, 200, "how many earlier runs are compared"),
            "deviations": Setting(6, 2, 100, "how many deviations from the median are too many"),
            "least_seconds": Setting(10, 0, DAY, "a run that is longer by less than this is never told of"),
        },
    ),
    "import_error": Kind("A file of the bundle cannot be imported", frozenset({"import_error"}), {}),
    "no_consumer": Kind(
        "Tasks wait in a queue that no agent serves", frozenset({"no_consumer"}), {}, system=True
    ),
    "secret_failed": Kind(
        "A secret could not be read or written", frozenset({"secret_failed"}), {}, system=True
    ),
    "dag_paused": Kind(
        "The platform paused a DAG, as its last runs all failed", frozenset({"dag_paused"}), {}
    ),
    "retry_budget": Kind(
        "Retries wait, as the tenant began all that it may in this hour", frozenset({"retry_budget"}), {}
    ),
    "canary_failed": Kind(
        "A deployment failed its trial, and was rolled back or stays", frozenset({"canary_failed"}), {}
    ),
    "budget_burn": Kind("A spending budget is being used up", frozenset({"budget_burn"}), {}),
    "error_budget": Kind(
        "Runs fail faster than the objective allows: burn rates over several windows",
        frozenset({"run_failed", "run_succeeded"}),
        {
            "objective": Setting(0.99, 0.5, 0.99999, "share of runs that must succeed"),
            "least_runs": Setting(4, 1, 10_000, "fewer runs in the short window say nothing"),
        },
    ),
}
"""Rule kind -> what it watches. The documentation and the API's checks are made from it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a signal is about; `dag_id` is None for things of the whole tenant."""

    dag_id: str | None
    owners: Sequence[str] = ()
    tags: Sequence[str] = ()


def fits(selector: Mapping[str, Any], subject: Subject) -> bool:
    """Whether `{"dag_ids": […], "tags": […], "owners": […]}` names it: each list that is given must fit, by any of
    its patterns (`*`, `?`). An empty selector fits everything, one that names DAGs nothing of the whole tenant."""
    having = {
        "dag_ids": [] if subject.dag_id is None else [subject.dag_id],
        "tags": subject.tags,
        "owners": subject.owners,
    }
    return all(
        any(fnmatchcase(value, pattern) for value in having[name] for pattern in patterns)
        for name, patterns in selector.items()
        if patterns
    )


def setting(kind: str, settings: Mapping[str, Any], name: str) -> float:
    """The rule's number, or the kind's own."""
    return float(settings.get(name, KINDS[kind].settings[name].default))


def wanted_signals(kinds: Sequence[str]) -> frozenset[str]:
    """What has to be noted for rules of these kinds."""
    return frozenset(signal for kind in kinds for signal in KINDS[kind].signals)
