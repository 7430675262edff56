"""Adds our lines to what git answers a pusher: packets of the sideband that stock git prints as `remote: …`.

Source: gitprotocol-pack(5) and gitprotocol-common(5): four hex digits of length, then the band, then bytes.
"""

from __future__ import annotations

FLUSH = b"0000"
_PROGRESS = b"\x02"
_FAILURE = b"\x03"
_MOST = 990


def split_answer(answer: bytes) -> tuple[bytes, bool]:
    """The answer of receive-pack without its closing flush, and whether more packets may follow it.

    They may not when the client did not ask for a sideband, or when git gave up half way.
    """
    at, is_sideband, closed = 0, True, False
    while at + 4 <= len(answer):
        try:
            length = int(answer[at : at + 4], 16)
        except ValueError:
            return answer, False
        if length == 0:
            closed = at + 4 == len(answer)
            at += 4
            continue
        if length < 5 or at + length > len(answer):
            return answer, False
        is_sideband = is_sideband and answer[at + 4] in (1, 2, 3)
        at += length
    if at == len(answer) and closed and is_sideband and len(answer) > 4:
        return answer[:-4], True
    return answer, False


def progress(text: str) -> bytes:
    """One line for the pusher, as packets. Control characters do not reach their terminal."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    data = f"{clean}\n".encode()
    return b"".join(_packet(data[at : at + _MOST]) for at in range(0, len(data), _MOST))


def failure(text: str) -> bytes:
    """A whole answer that ends the push with `text` as the remote's error."""
    return _packet(f"{text}\n".encode()[:_MOST], _FAILURE) + FLUSH


def _packet(data: bytes, band: bytes = _PROGRESS) -> bytes:
    return f"{len(data) + 5:04x}".encode() + band + data
