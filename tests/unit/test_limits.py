"""What holds for a tenant, and what may be stored of limits and prices. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.limits.effective import concurrent_tasks, effective, own_limits
from tenants.limits.page import page
from tenants.limits.published import BY_NAME, LIMITS, LimitInvalid, checked, checked_prices
from tests.architecture.source_files import ROOT

MAYBE = st.one_of(st.none(), st.integers(1, 100))


def test_the_page_is_the_list() -> None:
    assert (ROOT / "docs" / "reference" / "limits.md").read_text(encoding="utf-8") == page()


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(LIMITS)


@given(plan=MAYBE, override=st.one_of(st.just("absent"), MAYBE), own=MAYBE)
def test_an_override_beats_the_plan_and_ones_own_is_never_more(
    plan: int | None, override: str | int | None, own: int | None
) -> None:
    overrides = {} if override == "absent" else {"concurrent_tasks": override}
    found = effective(
        plan={"concurrent_tasks": plan},
        overrides=overrides,  # type: ignore[arg-type]
        own={"concurrent_tasks": own},
    )["concurrent_tasks"]
    bound = plan if override == "absent" else override
    both = [value for value in (bound, own) if value is not None]
    assert found.value == (min(both) if both else None)  # type: ignore[type-var]
    assert found.bound == bound
    if found.source == "own":
        assert own is not None


def test_what_a_tenant_may_not_set_is_passed_over() -> None:
    assert effective(plan={"dags": 5}, overrides={}, own={"dags": 1})["dags"].value == 5


def test_memory_bounds_tasks_and_always_lets_one_go() -> None:
    def most(**plan: int) -> int:
        own = own_limits(max_active_tasks=256, settings={})
        return concurrent_tasks(effective(plan=plan, overrides={}, own=own))

    assert most() == 256
    assert most(total_memory_mib=1000, task_memory_mib=300) == 3
    assert most(total_memory_mib=100, task_memory_mib=300) == 1
    assert most(total_memory_mib=1000) == 256, "of one task nothing is known"


@pytest.mark.parametrize("value", [True, 1.5, "5", -1, 2**60, [], float("nan")])
def test_what_is_no_limit(value: object) -> None:
    with pytest.raises(LimitInvalid) as told:
        checked({"dags": value})
    assert told.value.field == "dags"


@pytest.mark.parametrize("value", [True, -0.1, 1.01, "0.5", float("nan")])
def test_what_is_no_share(value: object) -> None:
    with pytest.raises(LimitInvalid):
        checked({"backfill_share": value})


def test_prices_are_whole_millionths() -> None:
    assert checked_prices({"task_hour": 0}) == {"task_hour": 0}
    for wrong in ({"task_hour": -1}, {"task_hour": 1.0}, {"task_hour": True}, {"hour": 1}):
        with pytest.raises(LimitInvalid):
            checked_prices(wrong)
