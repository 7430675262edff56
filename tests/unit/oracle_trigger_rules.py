"""Ask Airflow's own trigger-rule dependency what it decides, for every count of up to four upstreams.

    <python with apache-airflow==3.3.2> tests/unit/oracle_trigger_rules.py > tests/fixtures/trigger_rules.json

Run by hand when Airflow's version changes. `test_trigger_rules.py` reads the answers, and asks again when
`AERODROME_TEST_RUNTIME` names such a python. An answer is one letter per combination, in the order of
`combinations()`: w(ait), r(un), s(kip), u(pstream_fail), x (remove).
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from itertools import combinations_with_replacement
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())

from airflow.task.trigger_rule import TriggerRule
from airflow.ti_deps.deps.trigger_rule_dep import TriggerRuleDep
from airflow.utils.state import TaskInstanceState

STATES = ("pending", "success", "failed", "upstream_failed", "skipped", "removed")
LETTERS = {"skipped": "s", "upstream_failed": "u", "removed": "x"}


def combinations(kinds: int, limit: int) -> list[tuple[int, ...]]:
    """Every way to give 0 to `limit` upstreams one of `kinds` kinds, order ignored."""
    return [
        chosen for size in range(limit + 1) for chosen in combinations_with_replacement(range(kinds), size)
    ]


def upstream(number: int, state: str, is_setup: bool) -> Any:
    task = SimpleNamespace(task_id=f"up{number}", is_setup=is_setup, get_needs_expansion=lambda: False)
    return SimpleNamespace(
        task_id=task.task_id,
        task=task,
        map_index=-1,
        state=None if state == "pending" else TaskInstanceState(state),
    )


def ask(
    rule: str,
    direct: list[Any],
    *,
    map_index: int = -1,
    setups: list[Any] | None = None,
    is_teardown: bool = False,
    between: list[Any] | None = None,
) -> str:
    """One letter. `setups` are indirect setups; `between` lie between the direct upstreams, all setups."""
    setups, between = setups or [], between or []
    everything = [*direct, *setups, *between]
    tasks = {one.task_id: one.task for one in everything}
    for one in direct:
        one.task.get_flat_relative_ids = lambda upstream: {b.task_id for b in between}
    task = SimpleNamespace(
        task_id="asked",
        trigger_rule=TriggerRule(rule),
        upstream_task_ids={one.task_id for one in direct},
        upstream_list=[one.task for one in direct],
        get_upstreams_only_setups=lambda: [one.task for one in setups],
        get_closest_mapped_task_group=lambda: None,
        get_flat_relative_ids=lambda upstream: set(tasks),
        is_teardown=is_teardown,
        dag=SimpleNamespace(get_task=tasks.__getitem__, task_dict=tasks),
    )
    written: list[str] = []

    def set_state(state: TaskInstanceState, session: Any) -> bool:
        written.append(state.value)
        return True

    ti = SimpleNamespace(
        task=task,
        map_index=map_index,
        dag_id="d",
        run_id="r",
        get_dagrun=lambda session: None,
        set_state=set_state,
    )
    finished = [one for one in everything if one.state is not None]
    context = SimpleNamespace(
        flag_upstream_failed=True,
        wait_for_past_depends_before_skipping=False,
        have_changed_ti_states=False,
        ensure_finished_tis=lambda dag_run, session: finished,
    )
    statuses = list(TriggerRuleDep()._get_dep_statuses(ti, context, session=None))
    if written:
        return LETTERS[written[-1]]
    return "r" if all(status.passed for status in statuses) else "w"


def ups(chosen: tuple[int, ...], *, setup_from: int = len(STATES), prefix: int = 0) -> list[Any]:
    """Kinds below `setup_from` are ordinary tasks in STATES' order, those from it on setups in the same."""
    return [
        upstream(prefix + number, STATES[kind % len(STATES)], kind >= setup_from)
        for number, kind in enumerate(chosen)
    ]


def answers() -> dict[str, Any]:
    plain, halves = combinations(6, 4), combinations(6, 2)
    found: dict[str, Any] = {
        "rules": {},
        "mapped": {},
        "indirect_setups": {},
        "mapped_setups": {},
        "teardown": {},
    }
    for rule in sorted(r.value for r in TriggerRule):
        found["rules"][rule] = "".join(ask(rule, ups(chosen)) for chosen in plain)
        found["mapped"][rule] = [
            "".join(ask(rule, ups(chosen), map_index=index) for chosen in plain) for index in range(4)
        ]
        found["indirect_setups"][rule] = "".join(
            ask(rule, ups(chosen), setups=ups(above, setup_from=0, prefix=10))
            for chosen in halves
            for above in halves
        )
        found["mapped_setups"][rule] = "".join(
            ask(rule, ups(chosen), setups=ups(above, setup_from=0, prefix=10), map_index=1)
            for chosen in halves
            for above in halves
        )
        found["teardown"][rule] = "".join(
            ask(rule, ups(chosen, setup_from=0), is_teardown=True, between=ups(inside, prefix=20))
            for chosen in halves
            for inside in halves
        )
    found["direct_setups"] = "".join(
        ask("all_done_setup_success", ups(chosen, setup_from=6)) for chosen in combinations(12, 4)
    )
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(answers(), indent=1) + "\n")
