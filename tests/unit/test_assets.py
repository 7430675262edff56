"""Conditions of assets: when they are met, what they speak of, how they are shown."""

from __future__ import annotations

from typing import Any

import pytest

from domain.assets import Known, asset_refusal, expression, is_met, key_of, leaves

A: dict[str, Any] = {"type": "asset", "name": "a", "uri": "s3://a", "group": "asset"}
B: dict[str, Any] = {"type": "asset", "name": "b"}
LATEST: dict[str, Any] = {"type": "alias", "name": "latest", "group": ""}
BY_NAME: dict[str, Any] = {"type": "ref", "name": "a"}
BY_URI: dict[str, Any] = {"type": "ref", "uri": "b"}
KEY_A, KEY_B = ("a", "s3://a"), ("b", "b")


def both(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"type": "all", "objects": list(objects)}


def either(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"type": "any", "objects": list(objects)}


@pytest.mark.parametrize(
    ("condition", "needs"),
    [
        (A, [{KEY_A}, {KEY_A, KEY_B}]),
        (both(A, B), [{KEY_A, KEY_B}]),
        (either(A, B), [{KEY_A}, {KEY_B}, {KEY_A, KEY_B}]),
        (both(A, either(B, LATEST)), [{KEY_A, KEY_B}]),
        (LATEST, [{KEY_B}, {KEY_A, KEY_B}]),
        (BY_NAME, [{KEY_A}, {KEY_A, KEY_B}]),
        (BY_URI, [{KEY_B}, {KEY_A, KEY_B}]),
        (both(), [set(), {KEY_A}, {KEY_B}, {KEY_A, KEY_B}]),
        (either(), []),
        ({"type": "other", "value": 1}, []),
    ],
)
def test_what_meets_a_condition(condition: dict[str, Any], needs: list[set[Any]]) -> None:
    known = Known(aliases={"latest": {KEY_B}}, names={"a": KEY_A}, uris={"b": KEY_B})
    for received in (set(), {KEY_A}, {KEY_B}, {KEY_A, KEY_B}):
        assert is_met(condition=condition, received=received, known=known) == (received in needs)


@pytest.mark.parametrize("condition", [LATEST, BY_NAME, BY_URI])
def test_what_is_unknown_is_not_met(condition: dict[str, Any]) -> None:
    assert not is_met(condition=condition, received={KEY_A, KEY_B}, known=Known())


def test_leaves_and_keys() -> None:
    assert list(leaves(both(A, either(B, LATEST)))) == [A, B, LATEST]
    assert list(leaves(None)) == []
    assert key_of(B) == KEY_B
    assert key_of({"type": "asset", "uri": "s3://x"}) == ("s3://x", "s3://x")


def test_expression_is_airflows() -> None:
    shown = expression(both(A, either(LATEST, BY_URI)), {KEY_A: 7})
    assert shown == {
        "all": [
            {"asset": {"uri": "s3://a", "name": "a", "group": "asset", "id": 7}},
            {"any": [{"alias": {"name": "latest", "group": ""}}, {"asset_ref": {"uri": "b"}}]},
        ]
    }
    assert expression(None, {}) is None


@pytest.mark.parametrize(
    ("name", "uri", "says"),
    [
        ("", "s3://a", "name"),
        ("a", "", "URI"),
        ("a" * 1501, "a", "name"),
        ("a", "s3://ä", "ASCII"),
        ("a", "airflow://x", "reserved"),
        ("a" * 1500, "b" * 1500, "bytes"),
        ("a\0", "a", "name"),
    ],
)
def test_assets_that_cannot_be(name: str, uri: str, says: str) -> None:
    assert says in (asset_refusal(name, uri) or "")
    assert asset_refusal("a", "s3://a") is None
