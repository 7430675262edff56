"""Starts `tests.support.child` and listens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATHS = os.pathsep.join(str(ROOT / part) for part in ("platform", ".", "runtime"))
PATIENCE_SECONDS = 60


class Child:
    """One process. `heard` is all that it said."""

    def __init__(self, act: str, *, crash: str | None = None, **arguments: Any) -> None:
        environment = {**os.environ, "PYTHONPATH": PATHS}
        if crash is not None:
            environment["AERODROME_CRASH"] = crash
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.child", act, json.dumps(arguments)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.heard: list[dict[str, Any]] = []

    def listen(self) -> dict[str, Any]:
        """The next thing it says; empty when it ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            self.heard.append(json.loads(line))
        return self.heard[-1] if line else {}

    def go_on(self) -> None:
        """Ends its pause."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def freeze(self) -> None:
        """It stops in its tracks, like a machine that sleeps; returns when it has."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def wait(self) -> int:
        """Its exit code; minus the signal that killed it."""
        while self.listen():
            pass
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def child(act: str, *, crash: str | None = None, **arguments: Any) -> Iterator[Child]:
    """A child that is gone at the end, whatever became of it."""
    started = Child(act, crash=crash, **arguments)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait(PATIENCE_SECONDS)
        for pipe in (started.process.stdin, started.process.stdout):
            if pipe is not None and not pipe.closed:
                with suppress(BrokenPipeError):
                    pipe.close()
