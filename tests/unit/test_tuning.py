"""The settings that a tenant turns by itself: the published list is whole, and the how-to says the same."""

from __future__ import annotations

import pytest

from tenants.tuning import BY_NAME, KNOBS, Knob, value_of
from tests.architecture.source_files import ROOT

HOW_TO = ROOT / "docs" / "how-to" / "bound-and-pay.md"


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.name)
def test_the_how_to_tells_of_each_with_its_bounds(knob: Knob) -> None:
    [line] = [
        text
        for text in HOW_TO.read_text(encoding="utf-8").splitlines()
        if text.startswith(f"| `{knob.name}` |")
    ]
    numbers = {str(number) for number in (knob.least, knob.most) if number is not None}
    told = line.replace("7 days", str(7 * 86_400))
    assert all(number in told for number in numbers), line


def test_a_default_is_what_may_be_set() -> None:
    assert len(BY_NAME) == len(KNOBS)
    for knob in KNOBS:
        if knob.least is None or knob.most is None:
            assert isinstance(knob.default, bool)
        elif knob.default is None:
            assert knob.may_be_off
        else:
            assert knob.least <= knob.default <= knob.most
        assert value_of(knob.name, {}) == knob.default
        assert value_of(knob.name, {knob.name: 7}) == 7
