"""Where we end otherwise than Airflow 3.3.2, on purpose or not yet, each with its reason.

A difference that is not listed fails the tests; so does an entry that no longer differs. The reasons are shown in
`docs/reference/compatibility.md`.
"""

from __future__ import annotations

_FOLDER = "Airflow's DAGs folder is one of its host; a task here sees its bundle in its own jail"
_ABSENT = "it catches the `KeyError` of an absent Variable, as in Airflow 2 and here; 3.3.2 raises an `AirflowRuntimeError`"
KNOWN: dict[tuple[str, str], dict[str, str]] = {
    ("standard", "example_bash_decorator"): {
        "tasks.describe_dag_folder": _FOLDER,
        "tasks.get_file_stats": _FOLDER,
        "tasks.show_dag_folder": _FOLDER,
    },
    ("standard", "example_bash_operator"): {
        "tasks.describe_dag_folder": _FOLDER,
        "tasks.show_dag_folder": _FOLDER,
    },
    ("seeds", "fragment_variable_cache"): {
        "state": _ABSENT,
        "tasks.customers": _ABSENT,
    },
}
"""(corpus, DAG id) -> place (as `observing.differences` names it, or the start of one) -> reason."""

RACES: dict[tuple[str, str], dict[str, str]] = {
    ("features", "feature_trigger_rules_5"): {
        "tasks.rule_all_success": "one upstream is skipped, one failed: the first to end decides"
    },
    ("features", "feature_trigger_rules_8"): {
        "tasks.rule_all_success": "one upstream is skipped, one upstream_failed: the first to end decides"
    },
    ("standard", "example_branch_datetime_operator_2"): {"tasks": "it branches by the time of day"},
    ("standard", "example_branch_operator"): {"tasks": "it branches at random"},
    ("standard", "example_branch_python_operator_decorator"): {"tasks": "it branches at random"},
}
"""(corpus, DAG id) -> place -> why Airflow itself may end either way there: not compared."""


def unexplained(corpus: str, dag_id: str, differences: list[str]) -> list[str]:
    """The differences that nobody gave a reason for."""
    places = {**KNOWN.get((corpus, dag_id), {}), **RACES.get((corpus, dag_id), {})}
    return [line for line in differences if not any(line.startswith(place) for place in places)]


def healed(corpus: str, dag_id: str, differences: list[str]) -> list[str]:
    """Places that are listed and do not differ any more."""
    places = KNOWN.get((corpus, dag_id), {})
    return [place for place in places if not any(line.startswith(place) for line in differences)]
