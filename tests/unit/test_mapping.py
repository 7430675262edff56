"""How many instances a mapped task becomes."""

from __future__ import annotations

from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.mapping import ExpandInputInvalid, length, xcom_sources
from taskwire.dagspec import ExpandInput


def literal(size: int) -> ExpandInput:
    return ExpandInput(kind="literal", length=size)


def xcom(task_id: str, key: str = "return_value") -> ExpandInput:
    return ExpandInput(kind="xcom", task_id=task_id, key=key)


def tree(kind: str, *children: ExpandInput, fill: bool = False) -> ExpandInput:
    return ExpandInput(kind=kind, children=list(children), fill=fill)


KNOWN = {"a": 3, "b": 5, "late": None}


@pytest.mark.parametrize(
    ("expand", "expected"),
    [
        (literal(0), 0),
        (literal(7), 7),
        (xcom("a"), 3),
        (xcom("b", "rows"), 5),  # as in Airflow, only returned values are measured
        (xcom("late"), None),
        (xcom("never_heard_of"), None),
        (tree("product", literal(2), xcom("a"), xcom("b")), 30),
        (tree("product", literal(0), xcom("a")), 0),
        (tree("product"), 0),
        (tree("product", literal(0), xcom("late")), None),
        (tree("list", xcom("b")), 5),
        (ExpandInput(kind="list", length=4), 4),
        (tree("map", tree("map", xcom("a"))), 3),
        (tree("zip", xcom("a"), xcom("b")), 3),
        (tree("zip", xcom("a"), xcom("b"), fill=True), 5),
        (tree("zip", xcom("a"), xcom("late")), None),
        (tree("concat", xcom("a"), literal(1), xcom("b")), 9),
        (tree("concat", xcom("late"), literal(1)), None),
        (tree("product", tree("zip", xcom("a"), literal(2)), tree("concat", xcom("a"), xcom("a"))), 12),
    ],
)
def test_length(expand: ExpandInput, expected: int | None) -> None:
    assert length(expand, KNOWN) == expected


def test_sources_are_all_leaves_once() -> None:
    expand = tree("product", tree("zip", xcom("a"), xcom("b", "rows")), tree("map", xcom("a")), literal(3))
    assert xcom_sources(expand) == {"a", "b"}
    assert xcom_sources(literal(3)) == set()


@pytest.mark.parametrize(
    ("expand", "said"),
    [
        (ExpandInput(kind="xcom"), "task_id"),
        (ExpandInput(kind="literal"), "no length"),
        (ExpandInput(kind="map"), "0 children"),
        (tree("list", literal(1), literal(2)), "2 children"),
        (ExpandInput(kind="cross"), "'cross'"),
    ],
)
def test_a_tree_that_is_none_is_refused(expand: ExpandInput, said: str) -> None:
    with pytest.raises(ExpandInputInvalid, match=said):
        length(expand, {})


LEAVES = st.builds(literal, st.integers(0, 9)) | st.builds(xcom, st.sampled_from("abcdef"))
TREES = st.recursive(
    LEAVES,
    lambda child: st.builds(
        lambda kind, children, fill: tree(kind, *children, fill=fill),
        st.sampled_from(["product", "zip", "concat"]),
        st.lists(child, min_size=1, max_size=3),
        st.booleans(),
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(expand=TREES, sizes=st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9)))
def test_known_exactly_when_every_source_is(expand: ExpandInput, sizes: dict[str, int]) -> None:
    assert (length(expand, sizes) is not None) == (xcom_sources(expand) <= set(sizes))


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=5))
def test_product_zip_and_concat_of_the_same(sizes: list[int]) -> None:
    children = [literal(size) for size in sizes]
    assert length(tree("product", *children), {}) == prod(sizes)
    assert length(tree("zip", *children), {}) == min(sizes)
    assert length(tree("zip", *children, fill=True), {}) == max(sizes)
    assert length(tree("concat", *children), {}) == sum(sizes)
