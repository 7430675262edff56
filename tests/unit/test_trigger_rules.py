"""Every rule on every count of up to four upstreams, against Airflow's decisions and against plain sense."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.trigger_rules import RULE_CODES, Decision, RuleUnknown, UpstreamCounts, decide

HERE = Path(__file__).parent
STORED = json.loads((HERE.parent / "fixtures" / "trigger_rules.json").read_text())
STATES = ("pending", "success", "failed", "upstream_failed", "skipped", "removed")
LETTERS = {
    Decision.WAIT: "w",
    Decision.RUN: "r",
    Decision.SKIP: "s",
    Decision.UPSTREAM_FAIL: "u",
    Decision.REMOVE: "x",
}
RULES = sorted(RULE_CODES)


def combinations(kinds: int, limit: int) -> list[tuple[int, ...]]:
    """The order in which `oracle_trigger_rules.py` asked."""
    return [
        chosen for size in range(limit + 1) for chosen in combinations_with_replacement(range(kinds), size)
    ]


def counts_of(chosen: tuple[int, ...], *, setup_from: int = 6) -> UpstreamCounts:
    found = Counter(STATES[kind % 6] for kind in chosen)
    setups = Counter(STATES[kind % 6] for kind in chosen if kind >= setup_from)
    return UpstreamCounts(
        total=len(chosen),
        success=found["success"],
        failed=found["failed"],
        upstream_failed=found["upstream_failed"],
        skipped=found["skipped"],
        removed=found["removed"],
        setups_total=sum(setups.values()),
        setups_success=setups["success"],
        setups_skipped=setups["skipped"],
    )


@pytest.mark.parametrize("rule", RULES)
def test_decides_as_airflow(rule: str) -> None:
    ours = "".join(LETTERS[decide(rule=rule, counts=counts_of(c))] for c in combinations(6, 4))
    assert ours == STORED["rules"][rule]


@pytest.mark.parametrize("map_index", range(4))
@pytest.mark.parametrize("rule", RULES)
def test_decides_as_airflow_for_a_mapped_instance(rule: str, map_index: int) -> None:
    ours = "".join(
        LETTERS[decide(rule=rule, counts=counts_of(c), map_index=map_index)] for c in combinations(6, 4)
    )
    assert ours == STORED["mapped"][rule][map_index]


@pytest.mark.parametrize(("stored", "map_index"), [("indirect_setups", -1), ("mapped_setups", 1)])
@pytest.mark.parametrize("rule", RULES)
def test_decides_as_airflow_below_indirect_setups(rule: str, stored: str, map_index: int) -> None:
    ours = "".join(
        LETTERS[decide(rule=rule, counts=counts_of(c), indirect_setups=counts_of(above), map_index=map_index)]
        for c in combinations(6, 2)
        for above in combinations(6, 2)
    )
    assert ours == STORED[stored][rule]


@pytest.mark.parametrize("rule", RULES)
def test_decides_as_airflow_for_a_teardown(rule: str) -> None:
    ours = "".join(
        LETTERS[
            decide(
                rule=rule,
                counts=counts_of(c, setup_from=0),
                is_teardown=True,
                # Without a setup upstream there is no scope to wait for.
                scope_pending=sum(STATES[kind] == "pending" for kind in inside) if c else 0,
            )
        ]
        for c in combinations(6, 2)
        for inside in combinations(6, 2)
    )
    assert ours == STORED["teardown"][rule]


def test_decides_as_airflow_with_direct_setups() -> None:
    ours = "".join(
        LETTERS[decide(rule="all_done_setup_success", counts=counts_of(c))] for c in combinations(12, 4)
    )
    assert ours == STORED["direct_setups"]


def test_stored_answers_hold_every_kind_of_decision() -> None:
    letters = Counter("".join(STORED["rules"].values()))
    assert min(letters[letter] for letter in "wrsu") > 100
    assert "x" in "".join(STORED["mapped"]["all_success"])
    assert set(STORED["rules"]) == set(RULES)


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_airflow_still_gives_the_stored_answers() -> None:
    python = os.environ["AERODROME_TEST_RUNTIME"]
    done = subprocess.run(
        [python, HERE / "oracle_trigger_rules.py"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == STORED


@pytest.mark.parametrize(
    ("rule", "counts", "expected"),
    [
        # Said by hand, so that a wrong oracle would show.
        ("all_success", {"total": 3, "failed": 1}, Decision.UPSTREAM_FAIL),
        ("all_success", {"total": 3, "success": 2}, Decision.WAIT),
        ("all_done", {"total": 3, "failed": 1}, Decision.WAIT),
        ("all_done", {"total": 2, "failed": 1, "skipped": 1}, Decision.RUN),
        ("one_success", {"total": 3, "success": 1}, Decision.RUN),
        ("one_success", {"total": 2, "skipped": 2}, Decision.SKIP),
        ("one_failed", {"total": 3, "upstream_failed": 1}, Decision.RUN),
        ("one_failed", {"total": 2, "success": 2}, Decision.SKIP),
        ("none_failed", {"total": 2, "skipped": 2}, Decision.RUN),
        ("none_failed_min_one_success", {"total": 2, "skipped": 2}, Decision.SKIP),
        ("none_failed_min_one_success", {"total": 2, "success": 1, "skipped": 1}, Decision.RUN),
        ("none_skipped", {"total": 9, "skipped": 1}, Decision.SKIP),
        ("all_failed", {"total": 2, "failed": 1, "upstream_failed": 1}, Decision.RUN),
        ("all_skipped", {"total": 2, "skipped": 1, "success": 1}, Decision.SKIP),
        ("always", {"total": 5}, Decision.RUN),
    ],
)
def test_decides_by_hand(rule: str, counts: dict[str, int], expected: Decision) -> None:
    assert decide(rule=rule, counts=UpstreamCounts(**counts)) is expected


@pytest.mark.parametrize("rule", RULES)
def test_no_upstreams_means_run(rule: str) -> None:
    assert decide(rule=rule, counts=UpstreamCounts(total=0)) is Decision.RUN


def test_codes_are_small_and_distinct() -> None:
    assert sorted(RULE_CODES.values()) == list(range(13))


def test_unknown_rule_is_named() -> None:
    with pytest.raises(RuleUnknown, match="all_sucess"):
        decide(rule="all_sucess", counts=UpstreamCounts(total=1))


CHOSEN = st.lists(st.integers(0, 5), min_size=1, max_size=30)


@settings(max_examples=150, deadline=None)
@given(rule=st.sampled_from(RULES), chosen=CHOSEN, data=st.data())
def test_an_early_answer_stands(rule: str, chosen: list[int], data: st.DataObject) -> None:
    """Who was let run stays let run, and who was refused is never let run, however the rest ends."""
    early = decide(rule=rule, counts=counts_of(tuple(chosen)))
    ended = [kind or data.draw(st.integers(1, 5)) for kind in chosen]
    late = decide(rule=rule, counts=counts_of(tuple(ended)))
    if early is Decision.RUN:
        assert late is Decision.RUN
    elif early is not Decision.WAIT:
        assert late is not Decision.RUN


@settings(max_examples=150, deadline=None)
@given(rule=st.sampled_from(RULES), chosen=st.lists(st.integers(1, 5), min_size=1, max_size=30))
def test_nobody_waits_once_all_are_done(rule: str, chosen: list[int]) -> None:
    counts = counts_of(tuple(chosen))
    decision = decide(rule=rule, counts=counts)
    if rule == "all_skipped" and counts.removed and counts.done == counts.removed + counts.skipped:
        # Airflow waits for ever here, and its deadlock check then fails the run; so do we.
        assert decision is Decision.WAIT
    else:
        assert decision is not Decision.WAIT
