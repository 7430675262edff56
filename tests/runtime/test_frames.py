"""The socket between a task and its agent: what is too long ends it, and somebody hears why."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import pytest

from aerodrome_runtime.agent import frames


async def _said(length: int, most: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[int]]:
    monkeypatch.setattr(frames, "MOST_BYTES", most)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    told: list[str] = []
    heard: list[int] = []
    over = asyncio.Event()

    def request(number: int, body: dict) -> None:
        heard.append(number)
        over.set()

    channel = frames.FrameChannel(
        loop=asyncio.get_running_loop(),
        sock=ours,
        on_request=request,
        on_closed=over.set,
        on_refused=told.append,
    )
    payload = msgspec.msgpack.encode([7, {"type": "SetXCom", "value": "x" * length}])
    with theirs:
        theirs.sendall(len(payload).to_bytes(4, "big") + payload)
        await asyncio.wait_for(over.wait(), 10)
    channel.close()
    return told, heard


def test_a_request_that_is_too_long_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    told, heard = asyncio.run(_said(5000, 2000, monkeypatch))
    assert heard == []
    assert len(told) == 1
    assert "at most 2000 are taken" in told[0]
    assert "push where it is" in told[0]


def test_a_shorter_one_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(_said(1000, 2000, monkeypatch)) == ([], [7])
