"""Random DAGs for the comparison with Airflow: what a case may hold, and the cases that are kept.

`python -m tests.compat.random_cases` writes `tests/fixtures/compat/random_cases.json`. It always
writes the same cases. Airflow's answers to them are asked by `tests.compat.ask_airflow`.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.compat.corpora import FIXTURES

RULES = (
    "all_success", "all_failed", "all_done", "all_done_min_one_success", "one_success", "one_failed", "one_done",
    "none_failed", "none_skipped", "always", "none_failed_min_one_success", "all_skipped",
)  # fmt: skip
MOST_TASKS = 9


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """One DAG: tasks in topological order, each with what it does and what it waits for."""
    count = draw(st.integers(3, MOST_TASKS))
    tasks: list[dict[str, Any]] = []
    for number in range(count):
        above = draw(st.sets(st.sampled_from([t["id"] for t in tasks]), max_size=3)) if tasks else set()
        tasks.append(_task(draw, f"t{number}", sorted(above), tasks))
    case: dict[str, Any] = {"tasks": tasks}
    for one in tasks:
        if one["do"] == "branch":
            below = [other["id"] for other in tasks if one["id"] in other["up"]]
            if below:
                one["choice"] = sorted(draw(st.sets(st.sampled_from(below), max_size=2)))
            else:
                one["do"] = "ok"
    lists = [one["id"] for one in tasks if one["do"] == "list"]
    if draw(st.integers(0, 3)) == 0:
        case["mapped_groups"] = [_mapped_group(draw, lists, tasks)]
        if draw(st.booleans()):
            tasks.append(_task(draw, "after", ["g"], []))
    if draw(st.integers(0, 3)) == 0:
        _scope(draw, tasks)
    if draw(st.integers(0, 11)) == 0:
        case["fail_fast"] = True
        # Airflow refuses any other rule in such a DAG.
        for one in [*tasks, *(inner for group in case.get("mapped_groups", []) for inner in group["tasks"])]:
            one["rule"] = "all_success"
    return case


def _task(draw: st.DrawFn, name: str, above: list[str], tasks: list[dict[str, Any]]) -> dict[str, Any]:
    one: dict[str, Any] = {
        "id": name,
        "up": above,
        "rule": draw(st.sampled_from(RULES if draw(st.booleans()) else RULES[:1]))
        if above
        else "all_success",
        "retries": draw(st.sampled_from([0, 0, 0, 1, 2])),
        "do": draw(
            st.sampled_from(
                ["ok", "ok", "ok", "fail", "fail", "flaky", "skip", "branch", "short", "list", "list"]
            )
        ),
    }
    if one["do"] == "flaky":
        one["times"] = draw(st.integers(1, 2))
    if one["do"] == "short":
        one["passes"], one["through"] = draw(st.booleans()), draw(st.booleans())
    if one["do"] == "list":
        one["length"] = draw(st.integers(0, 3))
    if one["do"] in ("ok", "fail", "skip") and draw(st.integers(0, 3)) == 0:
        lists = [other["id"] for other in tasks if other["do"] == "list"]
        one["over"] = draw(st.sampled_from([*lists, 0, 1, 2, 3]))
        if isinstance(one["over"], str):
            one["up"] = sorted({*one["up"], one["over"]})
        if one["do"] != "ok":
            one["only"] = sorted(draw(st.sets(st.integers(0, 2), max_size=2)))
    elif draw(st.integers(0, 4)) == 0:
        one["group"] = draw(st.sampled_from(["left", "right"]))
    return one


def _mapped_group(draw: st.DrawFn, lists: list[str], tasks: list[dict[str, Any]]) -> dict[str, Any]:
    inner = []
    for number in range(draw(st.integers(1, 3))):
        one = {
            "id": f"m{number}",
            "rule": draw(
                st.sampled_from(["all_success", "all_success", "all_done", "none_failed", "one_failed"])
            )
            if number
            else "all_success",
            "do": draw(st.sampled_from(["ok", "ok", "fail", "skip"])),
            "only": sorted(draw(st.sets(st.integers(0, 2), max_size=2))),
        }
        inner.append(one)
    above = [one["id"] for one in tasks]
    return {
        "id": "g",
        "up": sorted(draw(st.sets(st.sampled_from(above), max_size=2))),
        "over": draw(st.sampled_from([*lists, 1, 2, 3])),
        "tasks": inner,
    }


def _scope(draw: st.DrawFn, tasks: list[dict[str, Any]]) -> None:
    """A setup before a task and a teardown behind it, one of which may fail."""
    work = draw(st.sampled_from([one for one in tasks if one["up"] != ["g"]]))
    plain = {"up": [], "rule": "all_success", "retries": 0}
    setup = {
        **plain,
        "id": "setup",
        "do": draw(st.sampled_from(["ok", "ok", "fail", "skip"])),
        "setup_of": True,
    }
    teardown = {
        **plain,
        "id": "teardown",
        "up": [work["id"]],
        "rule": "all_done_setup_success",
        "do": draw(st.sampled_from(["ok", "ok", "fail"])),
        "teardown_of": ["setup"],
        "decides": draw(st.booleans()),
    }
    work["up"] = sorted({*work["up"], "setup"})
    work["rule"] = "all_success"  # Airflow refuses any other behind a setup
    tasks.insert(0, setup)
    tasks.append(teardown)


DRAWS = ((20260111, 560), (20260112, 120))
"""(seed, number of cases): a draw that is there is not changed, for Airflow's answers go by its cases' ids."""


def collect() -> list[dict[str, Any]]:
    """Different cases, always the same."""
    drawn = [case for start, count in DRAWS for case in _draw(start, count)]
    return [{"id": f"random_{number:03}", **case} for number, case in enumerate(drawn)]


def _draw(start: int, count: int) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    @seed(start)
    @settings(
        max_examples=count * 4, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases())
    def gather(case: dict[str, Any]) -> None:
        text = json.dumps(case, sort_keys=True)
        if _is_telling(case):
            found.setdefault(hashlib.sha256(text.encode()).hexdigest(), case)

    gather()
    # By digest: the first sixty are as mixed as all, though small cases are drawn first.
    return [case for _, case in sorted(found.items())[:count]]


def _is_telling(case: dict[str, Any]) -> bool:
    """Several tasks that do different things and wait for each other."""
    tasks = case["tasks"]
    edges = sum(len(one["up"]) for one in tasks)
    return len({one["do"] for one in tasks}) >= 3 and edges >= len(tasks) - 2


if __name__ == "__main__":
    FIXTURES.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case, sort_keys=True) for case in collect())
    (FIXTURES / "random_cases.json").write_text(f"[\n{lines}\n]\n")
