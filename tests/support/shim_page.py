"""Writes docs/reference/shim.md: `python -m tests.support.shim_page`. A test compares the file with this."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from aerodrome_runtime.shim.moved_names import MOVED
from tests.support.shim_cases import CASES

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "reference" / "shim.md"
NAMES: dict[str, list[str]] = json.loads((REPOSITORY / "tests/fixtures/air_names.json").read_text())
"""Every name that the AIR rules of the pinned Ruff report: name -> [rule, Ruff's own advice]."""

_HEAD = """# The compatibility shim, name by name

Airflow 2-era files run as written. Each use of something old is told as a finding with its file, its line and
the modern spelling: at the push, in the portal, in `validate` ([how to](../how-to/check-dags-before-a-push.md)).
This page lists every name, argument and key that Ruff's AIR rules know, and what becomes of it here. It is made by
`python -m tests.support.shim_page`; `tests/runtime/shim/test_air_rules.py` runs each line in a real runtime.

- **works**: the shim lets it work, and reports it as `AERO-SHIM-…`.
- **works in Airflow 3**: Airflow still finds it; where Airflow warns, the warning is the finding (`AERO-WARN-…`).
- **refused**: it cannot work on a managed platform; the import error says why.

A name that lives in a provider package needs that package in `requirements.txt`, as in Airflow.
"""


def verdict(name: str) -> tuple[str, str]:
    """What becomes of an old import: (`works`, its modern place), (`refused`, why) or (`works in Airflow 3`, "")."""
    module, _, attribute = name.rpartition(".")
    if name in ATTRIBUTES:
        return ATTRIBUTES[name]
    names = MOVED.get(module, {})
    target = names.get(attribute) or names.get("*", "")
    if target.startswith("!"):
        return "refused", target[1:].strip()
    if not target:
        return "works in Airflow 3", ""
    home, _, new = target.partition(":")
    return "works", f"`{home}.{attribute if new in ('', '*') else new}`"


ATTRIBUTES = {
    "airflow.utils.trigger_rule.TriggerRule.DUMMY": ("works", "`TriggerRule.ALWAYS`"),
    "airflow.providers.amazon.aws.auth_manager.avp.entities.AvpEntities.DATASET": (
        "refused",
        "the portal and its sign-in are the platform's: a DAG file cannot add to them",
    ),
}
"""Names below a class, which no import decides."""


def page() -> str:
    """The whole page."""
    verdicts = {name: verdict(name) for name in NAMES}
    counts = Counter(word for word, _ in verdicts.values())
    counts["works"] += sum(1 for case in CASES if case.code)
    counts["refused"] += sum(1 for case in CASES if not case.code)
    lines = [_HEAD, "| verdict | entries |", "|---|---:|"]
    lines += [f"| {word} | {count} |" for word, count in sorted(counts.items())]
    lines += [
        "",
        "## Arguments, context keys, attributes",
        "",
        "| what | rule | verdict | today |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each.what} | {each.rule} | {'works' if each.code else 'refused'} | {_cell(each.modern)} |"
        for each in CASES
    ]
    lines += ["", "## Imports", "", "| old name | rule | verdict | today |", "|---|---|---|---|"]
    lines += [
        f"| `{name}` | {NAMES[name][0]} | {word} | {_cell(more)} |" for name, (word, more) in verdicts.items()
    ]
    extra = sum(len(names) for names in MOVED.values()) - sum(
        1 for word, _ in verdicts.values() if word == "works"
    )
    lines += [
        "",
        f"Besides these, {extra} names that Ruff has no rule for: the whole of `airflow.contrib`, and what the Task "
        "SDK took over from `airflow.models`, `airflow.utils` and `airflow.decorators` "
        "(`runtime/aerodrome_runtime/shim/moved_*.py`).",
        "",
        "Not put back: `operators`, `sensors` and `hooks` of an `AirflowPlugin` (import the module itself), "
        "`iter_datasets` of a dataset, `ProvidersManager.dataset_…`.",
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page())
