"""Our lines in git's answer: only where the protocol allows them, and never as control characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.bundles.sideband import FLUSH, progress, split_answer


def packet(data: bytes) -> bytes:
    return f"{len(data) + 4:04x}".encode() + data


def test_lines_may_follow_a_sideband_answer() -> None:
    answer = packet(b"\x02resolving\n") + packet(b"\x01" + packet(b"unpack ok\n") + FLUSH)
    assert split_answer(answer + FLUSH) == (answer, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        FLUSH,
        packet(b"unpack ok\n") + packet(b"ok refs/heads/main\n") + FLUSH,
        packet(b"\x02half") + b"00",
        packet(b"\x02no flush"),
        b"zzzz\x02",
        b"0003" + FLUSH,
        packet(b"\x01" + b"x")[:-1] + FLUSH,
    ],
)
def test_anything_else_is_left_as_it_is(answer: bytes) -> None:
    assert split_answer(answer) == (answer, False)


@given(st.binary(max_size=200))
def test_no_answer_breaks_it(answer: bytes) -> None:
    head, may_follow = split_answer(answer)
    assert answer == head + (FLUSH if may_follow else b"")


def test_a_line_cannot_steer_the_pushers_terminal() -> None:
    assert progress("a\x1b[31mb\nc\rd") == packet(b"\x02a [31mb c d\n")


def test_a_long_line_is_cut_into_packets() -> None:
    data = progress("x" * 5000)
    told, at = b"", 0
    while at < len(data):
        length = int(data[at : at + 4], 16)
        assert length <= 1000
        assert data[at + 4] == 2
        told += data[at + 5 : at + length]
        at += length
    assert told == b"x" * 5000 + b"\n"
