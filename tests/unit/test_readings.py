"""What tasks read: only those for which counting is not enough, and of each upstream the right map indexes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain.readings import Reading, Role, first_count, known_lengths, readings, span
from taskwire.dagspec import DagSpec
from tests.support import specs


def _spec(*tasks: dict[str, Any], **groups: Any) -> DagSpec:
    told = [{"group_id": name, "is_mapped": True, "expand": over} for name, over in groups.items()]
    return msgspec.convert(specs.dag("d", list(tasks), groups=told), DagSpec)


def _told(spec: DagSpec) -> list[Any]:
    return [
        None if read is None else [(each.task_id, each.role.value, each.near) for each in read]
        for read in readings(spec)
    ]


LITERAL = {"kind": "literal", "length": 3}
SOURCE = {"kind": "xcom", "task_id": "list"}


def test_ordinary_tasks_are_counted() -> None:
    spec = _spec(
        specs.task("a", "b", is_mapped=True, expand=LITERAL), specs.task("b", trigger_rule="one_failed")
    )
    assert _told(spec) == [None, None]
    assert [first_count(spec, task) for task in spec.tasks] == [3, 1]


def test_a_task_mapped_over_an_xcom_reads_its_source() -> None:
    spec = _spec(
        specs.task("list", "each"),
        specs.task("each", "end", is_mapped=True, expand=SOURCE),
        specs.task("end"),
    )
    assert _told(spec) == [None, [("list", "direct", 0), ("list", "source", 0)], None]
    assert known_lengths(spec, spec.tasks[1]) is None


def test_in_a_mapped_group_the_own_index_is_read_and_the_source_by_all() -> None:
    inside = {"mapped_group_ids": ["g"]}
    spec = _spec(
        specs.task("list", "a"),
        specs.task("a", "b", **inside),
        specs.task("b", "end", **inside),
        specs.task("end"),
        g=SOURCE,
    )
    assert _told(spec) == [
        None,
        [("list", "direct", 0), ("list", "source", 0)],
        [("a", "direct", 1), ("list", "source", 0)],
        None,
    ]


def test_setups_above_and_what_a_teardown_closes() -> None:
    spec = _spec(
        specs.task("up", "work", "down", is_setup=True),
        specs.task("work", "more"),
        specs.task("more", "down"),
        specs.task("down", is_teardown=True),
    )
    assert _told(spec) == [
        None,
        None,
        [("work", "direct", 0), ("up", "setup", 0)],
        [("more", "direct", 0), ("up", "direct", 0), ("work", "scope", 0)],
    ]


@pytest.mark.parametrize(
    ("near", "depth", "index", "expected"),
    [
        (0, 0, 4, None),
        (1, 2, 4, (4, 4)),
        (1, 1, 4, (2, 2)),
        (2, 1, 5, (4, 5)),
        (2, 2, 5, (5, 5)),
        (1, 1, -1, (-1, -1)),
    ],
)
def test_span(near: int, depth: int, index: int, expected: tuple[int, int] | None) -> None:
    reading = Reading(0, "u", Role.DIRECT, near=near, depth=depth)
    assert span(reading=reading, map_index=index, lengths=[3, 2]) == expected
