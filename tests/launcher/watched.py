"""Starts the stand-in program and waits for what it says."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("stand_in.py")
_ROOT = _PROGRAM.parents[2]
_PATIENCE_SECONDS = 60

Event = dict[str, Any]


class Watched:
    """A running stand-in program. ``events`` are all it has said so far."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self.child = child
        self.events: list[Event] = []
        self._rest = b""
        self._deadline = time.monotonic() + _PATIENCE_SECONDS

    def wait_for(self, wanted: Callable[[Event], Any]) -> Event:
        """The next event that is wanted; fails when the program ends or a minute passes without it."""
        assert self.child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.stdout, selectors.EVENT_READ)
            while True:
                while b"\n" in self._rest:
                    line, self._rest = self._rest.split(b"\n", 1)
                    self.events.append(json.loads(line))
                    if wanted(self.events[-1]):
                        return self.events[-1]
                assert selector.select(self._deadline - time.monotonic()), f"waited in vain: {self.events}"
                data = os.read(self.child.stdout.fileno(), 65_536)
                assert data, f"the program ended: {self.events}"
                self._rest += data

    def wait_ready(self) -> Event:
        return self.wait_for(lambda event: "ready" in event)

    def wait_process(self, name: str, wanted: Callable[[str, int | None, int], bool]) -> int:
        """Waits until process ``name`` is as wanted (state, pid, restarts); returns its pid."""
        event = self.wait_for(lambda event: "processes" in event and wanted(*event["processes"][name]))
        return int(event["processes"][name][1] or 0)

    def end(self) -> int:
        """Everything that it still says, then its exit status."""
        assert self.child.stdout is not None
        for line in (self._rest + self.child.stdout.read()).splitlines():
            self.events.append(json.loads(line))
        return self.child.wait()


@contextmanager
def watched(kind: str, place: Path, *, inherit: tuple[str, ...] = ()) -> Iterator[Watched]:
    """Runs it for the block. ``inherit``: beginnings of variable names that it also gets."""
    environment = {
        "PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": f"{_ROOT / 'platform'}:{_ROOT}",
        **{name: value for name, value in os.environ.items() if inherit and name.startswith(inherit)},
    }  # fmt: skip
    command = [sys.executable, str(_PROGRAM), kind, str(place)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as child:
        try:
            yield Watched(child)
        finally:
            if child.poll() is None:
                child.terminate()
                child.communicate()
