"""Every tenant gets its turn, in proportion to its weight, whatever the others ask for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.fairness import Turn, credits_after, order_tenants


def test_least_running_comes_first_and_the_idle_do_not_come() -> None:
    turns = order_tenants(
        waiting={"a": 5, "b": 1, "c": 9, "idle": 0},
        active={"a": 4, "b": 2, "c": 4},
        weights={"c": 4.0},
        quantum=3,
    )
    assert turns == [Turn("c", 9), Turn("b", 1), Turn("a", 3)]


def test_equal_ones_go_by_name() -> None:
    turns = order_tenants(waiting={"z": 1, "a": 1}, active={}, weights={}, quantum=1)
    assert [turn.tenant for turn in turns] == ["a", "z"]


def test_credit_is_lost_by_not_waiting() -> None:
    assert credits_after(waiting={"a": 3, "b": 2}, served={"b": 2}, weights={}, quantum=1) == {"a": 1.0}


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="quantum"):
        order_tenants(waiting={"a": 1}, active={}, weights={}, quantum=0)
    with pytest.raises(ValueError, match="weight"):
        order_tenants(waiting={"a": 1}, active={}, weights={"a": 0.0}, quantum=1)


def serve(rounds: int, capacity: int, weights: dict[str, float], flood: int) -> dict[str, int]:
    """Every tenant always has work; each round `capacity` short pieces are handed out and end at once."""
    credits: dict[str, float] = {}
    total = dict.fromkeys(weights, 0)
    waiting = {tenant: flood if tenant == "flood" else 10_000 for tenant in weights}
    for _ in range(rounds):
        left, served = capacity, dict.fromkeys(weights, 0)
        for turn in order_tenants(waiting=waiting, active={}, weights=weights, quantum=1, credits=credits):
            taken = min(left, turn.allowance)
            served[turn.tenant] += taken
            left -= taken
        for tenant, count in served.items():
            total[tenant] += count
        credits = credits_after(waiting=waiting, served=served, weights=weights, quantum=1, credits=credits)
    return total


@settings(max_examples=25, deadline=None)
@given(tenants=st.integers(2, 8), capacity=st.integers(1, 3), flood=st.sampled_from([10_000, 10**9]))
def test_a_flood_starves_nobody(tenants: int, capacity: int, flood: int) -> None:
    weights = {"flood": 1.0} | {f"t{number}": 1.0 for number in range(tenants - 1)}
    total = serve(100, capacity, weights, flood)
    fair = 100 * min(capacity, tenants) / tenants
    for count in total.values():
        assert abs(count - fair) <= 0.15 * fair + 2 * capacity


def test_weight_is_proportion() -> None:
    total = serve(400, 1, {"one": 1.0, "three": 3.0}, 0)
    assert 2.5 <= total["three"] / total["one"] <= 3.5


@settings(max_examples=60, deadline=None)
@given(
    waiting=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50)),
    active=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50)),
    quantum=st.integers(1, 9),
)
def test_a_round_names_every_waiting_tenant_once(
    waiting: dict[str, int], active: dict[str, int], quantum: int
) -> None:
    turns = order_tenants(waiting=waiting, active=active, weights={}, quantum=quantum)
    assert sorted(turn.tenant for turn in turns) == sorted(t for t, count in waiting.items() if count)
    assert all(1 <= turn.allowance <= max(1, waiting[turn.tenant]) for turn in turns)
