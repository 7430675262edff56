"""Writes `docs/reference/airflow-compared.md` from the stored answers and the known differences.

`python -m tests.compat.compatibility_page`; a test says when the page is out of date.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from tests.compat.corpora import HERE, NOT_IMPORTED, random_cases, stored_answers
from tests.compat.known_differences import KNOWN, RACES
from tests.compat.proofs import PROOFS

PAGE = HERE.parents[1] / "docs" / "reference" / "airflow-compared.md"

_HEAD = """\
# Compared with Airflow 3.3.2, feature by feature

Made by `python -m tests.compat.compatibility_page`. Each DAG below ran on Airflow 3.3.2 (scheduler, LocalExecutor, triggerer,
Postgres) and runs here on every change: run state, state and tries of each task instance, rendered fields, XComs, map
labels and asset events are compared. Airflow's answers are stored in `tests/fixtures/compat`; `tests/compat/ask_airflow.py`
asks it anew. What two runs on Airflow tell differently is not compared.
"""


def page() -> str:
    """The page's text."""
    lines = [_HEAD, "## Features", "", "| feature | DAGs compared | differences |", "|---|--:|---|"]
    answers = stored_answers("features")
    for path in sorted((HERE / "dags" / "features").glob("*.py")):
        text = path.read_text()
        ids = sorted(
            dag_id for dag_id in answers if _is_of(dag_id, text) and "unfinished" not in answers[dag_id]
        )
        title = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        lines.append(
            f"| {title} (`tests/compat/dags/features/{path.name}`) | {len(ids)} | {_told('features', ids)} |"
        )
    lines += [
        "",
        "## Airflow's own examples, the seeds, and random DAGs",
        "",
        "| corpus | DAGs compared | differences |",
        "|---|--:|---|",
    ]
    for name, title in (
        ("examples", "`airflow.example_dags`"),
        ("standard", "the standard provider's examples"),
        (
            "seeds",
            "the seed documents' DAGs, here as they stand, there with `schedule` for `schedule_interval`",
        ),
    ):
        known = stored_answers(name)
        ids = sorted(dag_id for dag_id in known if "unfinished" not in known[dag_id])
        more = ""
        for reason, left in _left(known).items():
            more += f"; not compared, for {reason}: {_names(left)}"
        lines.append(f"| {title} | {len(ids)} | {_told(name, ids)}{more} |")
    drawn = [
        dag_id
        for dag_id, answer in stored_answers("random").items()
        if dag_id in random_cases() and "unfinished" not in answer
    ]
    lines.append(f"| random DAGs (`tests/compat/random_cases.py`) | {len(drawn)} | none, but for {_RACING} |")
    lines += ["", "## What other tests show", "", "| feature | shown by |", "|---|---|"]
    lines += [f"| {feature} | {', '.join(f'`{test}`' for test in tests)} |" for feature, tests in PROOFS]
    return "\n".join(lines) + "\n"


_RACING = "what time decides on Airflow as here (`tests/compat/races.py`)"


def _is_of(dag_id: str, text: str) -> bool:
    return f'"{dag_id}"' in text or (
        dag_id.startswith("feature_trigger_rules_") and "feature_trigger_rules_" in text
    )


def _told(corpus: str, dag_ids: list[str]) -> str:
    reasons = {
        (dag_id, reason): None
        for dag_id in dag_ids
        for known in (KNOWN, RACES)
        for reason in known.get((corpus, dag_id), {}).values()
    }
    return "; ".join(f"`{dag_id}`: {reason}" for dag_id, reason in reasons) or "none"


def _left(known: dict[str, Any]) -> dict[str, list[str]]:
    """Why -> the DAGs that Airflow gave no answer for."""
    found: dict[str, list[str]] = {}
    for dag_id, answer in sorted(known.items()):
        if answer.get("unfinished") == NOT_IMPORTED:
            found.setdefault("Airflow 3.3.2 cannot import them", []).append(dag_id)
        elif "unfinished" in answer:
            found.setdefault("they did not end on Airflow in four minutes", []).append(dag_id)
    return found


def _names(dag_ids: list[str]) -> str:
    return ", ".join(f"`{dag_id}`" for dag_id in dag_ids)


if __name__ == "__main__":
    Path(PAGE).write_text(page())
