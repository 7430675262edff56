"""domain.subset: what clearing a task takes along, as `SerializedDAG.partial_subset` of Airflow 3.3.2 does."""

from __future__ import annotations

import msgspec
import pytest

from domain.subset import Relatives
from taskwire.dagspec import DagSpec
from tests.support import specs

TASKS = [
    specs.task("up", "work", "down", is_setup=True),
    specs.task("alone", "work", is_setup=True),
    specs.task("far", "up"),
    specs.task("other_up", "other_down", "far_below", is_setup=True),
    specs.task("work", "below", "down"),
    specs.task("below", "far_below", "down"),
    specs.task("down", is_teardown=True),
    specs.task("other_down", is_teardown=True),
    specs.task("far_below", "other_down"),
]


@pytest.fixture
def relatives() -> Relatives:
    groups = [{"group_id": "g"}, {"group_id": "g.h", "parent_id": "g"}]
    tasks = [*TASKS, specs.task("in_g", group_id="g"), specs.task("in_h", group_id="g.h")]
    return Relatives(msgspec.convert(specs.dag("d", tasks, groups=groups), DagSpec))


def test_a_task_brings_the_setups_it_needs_and_their_teardowns(relatives: Relatives) -> None:
    assert relatives.subset(["work"]) == {"work", "up", "alone", "down"}


def test_a_setup_brings_its_teardown_and_a_teardown_nothing(relatives: Relatives) -> None:
    assert relatives.subset(["up"]) == {"up", "down"}
    assert relatives.subset(["down"]) == {"down"}


def test_downstream_brings_what_is_below_and_the_setups_of_that(relatives: Relatives) -> None:
    found = relatives.subset(["below"], downstream=True)
    assert found == {"below", "far_below", "down", "other_up", "other_down", "up", "alone"}


def test_upstream_brings_all_above_and_the_teardowns_of_setups(relatives: Relatives) -> None:
    assert relatives.subset(["work"], upstream=True) == {"work", "up", "alone", "far", "down"}


def test_without_originals_only_what_comes_along(relatives: Relatives) -> None:
    assert relatives.subset(["below"], downstream=True, originals=False) == relatives.subset(
        ["below"], downstream=True
    ) - {"below"}
    assert relatives.subset(["nobody"]) == set()


def test_groups_hold_what_is_in_groups_inside_them(relatives: Relatives) -> None:
    assert relatives.in_group("g") == ["in_g", "in_h"]
    assert relatives.in_group("g.h") == ["in_h"]
    assert relatives.in_group("none") is None
