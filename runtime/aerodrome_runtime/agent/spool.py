"""Reports that the control plane has not answered yet, on disk: a crash of the agent loses none.

One append-only file of length-prefixed reports, emptied whenever nothing is outstanding. Written when a report
is submitted, before any request leaves.

No fsync: what must survive is this process, not the machine (an attempt whose machine died is rescued).
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from taskwire.agent import Report

COMPACT_BYTES = 8 * 1024 * 1024


class Spool:
    """Not safe for two processes: the agent's directory belongs to one agent."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = directory / "reports"
        self._encoder = msgspec.msgpack.Encoder()
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def load(self) -> list[Report]:
        """What an earlier agent left, oldest first. A torn tail (killed while writing) is dropped."""
        data = self._path.read_bytes()
        reports: list[Report] = []
        at = 0
        while at + 4 <= len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            part = data[at + 4 : at + 4 + length]
            at += 4 + length
            if len(part) < length:
                break
            try:
                reports.append(msgspec.msgpack.decode(part, type=Report))
            except msgspec.DecodeError:
                break
        return reports

    def append(self, reports: list[Report]) -> None:
        """Add before sending."""
        data = bytearray()
        for report in reports:
            part = self._encoder.encode(report)
            data += len(part).to_bytes(4, "big") + part
        os.lseek(self._fd, 0, os.SEEK_END)
        os.write(self._fd, data)

    def settle(self, outstanding: list[Report]) -> None:
        """Everything else has been answered: keep only `outstanding`."""
        if not outstanding:
            os.ftruncate(self._fd, 0)
        elif os.fstat(self._fd).st_size > COMPACT_BYTES:
            os.ftruncate(self._fd, 0)
            self.append(outstanding)

    def close(self) -> None:
        os.close(self._fd)
