"""One supervised process: what it is (``ProcessSpec``) and what state it is in (``ManagedProcess``).

waiting -> starting -> healthy -> (ends) -> dead -> starting …; a one-shot ends as finished. The supervisor
calls ``tend`` often; nothing here sleeps or waits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher import pids
from launcher.child import die_with_parent
from launcher.embedded.accounts import ServerAccount
from launcher.log_files import last_lines, open_log, trim_log

# Waits before the next start, by how many starts in a row ended early. The first restart is at once.
BACKOFF_SECONDS = (0.0, 0.1, 0.3, 1.0, 2.0, 5.0, 10.0)
# A process that ran this long was fine: its next end counts as the first again.
SETTLED_SECONDS = 30.0
PROBE_STARTING_SECONDS = 0.05
PROBE_HEALTHY_SECONDS = 5.0


class ProcessFailed(Exception):
    """A process could not be brought up; the message holds the end of its log."""


@dataclass(frozen=True)
class ProcessSpec:
    """What to run and how to tell that it works. Environments are complete: nothing is inherited.

    ``prepare`` runs before each start, ``after_first_ready`` once; both may raise to stop the whole start.
    ``silent_seconds``: a healthy process that fails its probe for so long is killed and started again.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log_file: Path
    probe: Callable[[], bool] = lambda: True
    after: tuple[str, ...] = ()
    account: ServerAccount | None = None
    one_shot: bool = False
    prepare: Callable[[], object] | None = None
    after_first_ready: Callable[[], object] | None = None
    start_attempts: int = 3
    ready_within_seconds: float = 60
    settle_seconds: float = 0
    silent_seconds: float | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10


@dataclass
class ManagedProcess:
    """The state of one process of the table. ``restarts`` counts starts after the first."""

    spec: ProcessSpec
    state: str = "waiting"
    restarts: int = 0
    started_at: float | None = None
    child: subprocess.Popen[bytes] | None = None
    was_healthy: bool = False
    _early_ends: int = 0
    _first_try: float = 0.0
    _launched: float = 0.0
    _next_try: float = 0.0
    _next_probe: float = 0.0
    _last_answer: float = 0.0
    _created_at: float | None = field(default=None)

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child and self.state in ("starting", "healthy") else None

    @property
    def created_at(self) -> float | None:
        """When the running process was created (seconds since the epoch); tells a reused id apart."""
        return self._created_at

    def launch(self, *, now: float) -> None:
        """Starts the process. Raises what ``prepare`` raises, or ``ProcessFailed``."""
        spec = self.spec
        if self._first_try == 0.0:
            self._first_try = now
        if spec.prepare is not None:
            spec.prepare()
        trim_log(path=spec.log_file)
        try:
            with open_log(path=spec.log_file) as log:
                self.child = subprocess.Popen(
                    spec.command, cwd=spec.folder, env=dict(spec.environment), stdin=subprocess.DEVNULL,
                    stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    preexec_fn=die_with_parent(spec.death_signal, parent=os.getpid()),
                    **(spec.account.popen_arguments() if spec.account else {}),
                )  # fmt: skip
        except OSError as error:
            raise ProcessFailed(f"{spec.name} cannot be started: {error}") from error
        self.state = "starting"
        self.started_at = time.time()
        self._created_at = pids.creation_time(pid=self.child.pid)
        self._launched = self._last_answer = time.monotonic()
        self._next_probe = self._launched + spec.settle_seconds

    def tend(self, *, now: float) -> bool:
        """Looks after the process once; True when its state changed.

        Raises ``ProcessFailed`` when it could not be brought up for the first time.
        """
        if self.state in ("starting", "healthy") and self.child and self.child.poll() is not None:
            return self._ended(now, self.child.returncode)
        if self.state == "dead" and now >= self._next_try:
            self.restarts += 1
            self._next_try = now + BACKOFF_SECONDS[-1]  # should this start itself be refused
            self.launch(now=now)
            return True
        if self.state in ("starting", "healthy") and now >= self._next_probe and not self.spec.one_shot:
            return self._probe(now)
        if self.state == "starting":
            self._require_in_time(now)
        return False

    def send_stop(self) -> None:
        """Asks the process to end."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(self.spec.stop_signal)

    def is_over(self) -> bool:
        return self.child is None or self.child.poll() is not None

    def end(self) -> None:
        """Kills what is left of the process and its group, and reaps it."""
        if self.child is not None and self.state in ("starting", "healthy"):
            pids.kill_group(group=self.child.pid)
            self.child.wait()
        self.state = "stopped"

    def _probe(self, now: float) -> bool:
        before, answered = self.state, self.spec.probe()
        now = max(now, time.monotonic())
        if answered:
            self._last_answer = now
            if not self.was_healthy and self.spec.after_first_ready is not None:
                self.spec.after_first_ready()
            self.state, self.was_healthy = "healthy", True
            self._next_probe = now + PROBE_HEALTHY_SECONDS
        else:
            self.state = "starting"
            self._next_probe = now + PROBE_STARTING_SECONDS
            silent = self.spec.silent_seconds
            if self.was_healthy and silent is not None and now - self._last_answer > silent and self.child:
                self.child.kill()
            self._require_in_time(now)
        return before != self.state

    def _ended(self, now: float, status: int) -> bool:
        assert self.child is not None
        pids.kill_group(group=self.child.pid)  # workers it left behind would hold its port or socket
        if self.spec.one_shot and status == 0:
            self.state, self.was_healthy = "finished", True
            return True
        if self.spec.one_shot:
            raise ProcessFailed(self._explain(f"{self.spec.name} ended with {_status_text(status)}"))
        if now - self._launched > SETTLED_SECONDS:
            self._early_ends = 0
        self._early_ends += 1
        if not self.was_healthy and self._early_ends >= self.spec.start_attempts:
            raise ProcessFailed(
                self._explain(
                    f"{self.spec.name} ended {self._early_ends} times before it was ready, "
                    f"at last with {_status_text(status)}"
                )
            )
        self.state = "dead"
        self._next_try = now + BACKOFF_SECONDS[min(self._early_ends, len(BACKOFF_SECONDS)) - 1]
        return True

    def _require_in_time(self, now: float) -> None:
        if not self.was_healthy and now - self._first_try > self.spec.ready_within_seconds:
            raise ProcessFailed(
                self._explain(
                    f"{self.spec.name} was not ready within {self.spec.ready_within_seconds:.0f} seconds"
                )
            )

    def _explain(self, what: str) -> str:
        tail = last_lines(path=self.spec.log_file)
        return f"{what}.\nThe end of {self.spec.log_file}:\n{tail or '(it is empty)'}"


def _status_text(status: int) -> str:
    return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
