"""What stores said is kept for the attempt that asked: bounded in number, bytes and time, and nobody else's."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from controlplane.secrets import chain, kept_answers
from controlplane.secrets.kept_answers import KeptAnswers
from controlplane.secrets.null import NullSource

TENANT = uuid4()


def test_absent_is_an_answer() -> None:
    kept = KeptAnswers()
    assert kept.get("k") is None
    kept.put("k", None)
    assert kept.get("k") == (None,)


def test_number_and_bytes_are_bounded() -> None:
    kept = KeptAnswers(most=10, most_bytes=100_000)
    for number in range(50):
        kept.put(number, "short")
    assert kept.size[0] == 10
    assert [kept.get(number) for number in (39, 40)] == [None, ("short",)]
    for number in range(10):
        kept.put(number, "x" * 40_000)
    assert kept.size == (2, 2 * 40_200)
    kept.put("long", "x" * (kept_answers.LONGEST_KEPT + 1))
    assert kept.get("long") is None
    for _ in range(3):
        kept.put(9, "y")
    assert kept.size == (2, 40_200 + 201), "replaced, not added"


def test_what_is_old_leaves_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("controlplane.secrets.kept_answers.time.monotonic", lambda: now[0])
    kept = KeptAnswers()
    for number in range(5):
        kept.put(number, "v")
    now[0] = kept_answers.KEPT_SECONDS + 1
    assert kept.get(0) is None
    kept.put("new", "v")
    assert kept.size[0] == 1


def asked(source: NullSource, attempt: tuple[UUID, int], version: int = 1) -> Any:
    plan = chain.Plan(TENANT, version, "variable", "k", (("main", source),))
    found = plan.resolve(ledger=lambda: None, asker=attempt)
    return found and found.value


def test_a_rotated_secret_reaches_the_next_attempt_in_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, each with its own memory, that nobody tells of the rotation."""
    processes = [KeptAnswers(), KeptAnswers()]
    source = NullSource({("variable", "k"): "old"})
    first, second, again = (uuid4(), 1), (uuid4(), 1), uuid4()
    for memory in processes:
        monkeypatch.setattr(chain, "_kept", lambda memory=memory: memory)
        assert asked(source, first) == "old"
        assert asked(source, (again, 1)) == "old"
    source.held["variable", "k"] = "new"
    for memory in processes:
        monkeypatch.setattr(chain, "_kept", lambda memory=memory: memory)
        assert asked(source, first) == "old", "resolved once"
        assert asked(source, second) == "new", "the next task"
        assert asked(source, (again, 2)) == "new", "the next try of the same task"
        assert asked(source, first, version=2) == "new", "a changed chain is asked anew"
    del source.held["variable", "k"]
    assert asked(source, (uuid4(), 1)) is None
