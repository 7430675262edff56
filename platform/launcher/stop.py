"""Stops the stack of a data folder, and clears what a killed supervisor left running."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from launcher import pids
from launcher.data_folder import find_holder, held
from launcher.embedded import postgres
from launcher.processes import ProcessFailed
from launcher.status_file import end_leftovers

# Longer than all graces of the process table together.
_STOP_SECONDS = 180
_TELL_SECONDS = 10


def stop_stack(*, data: Path, tell: Callable[[str], None]) -> bool:
    """Asks the supervisor to stop everything and waits for it; True when something was running.

    Raises ``ProcessFailed`` when it has not stopped after three minutes.
    """
    holder = find_holder(data=data)
    if holder is None:
        return _clear_leftovers(data, tell)
    pids.signal_if_alive(pid=holder.pid, signal_number=signal.SIGTERM)
    started = told = time.monotonic()
    while find_holder(data=data) is not None:
        now = time.monotonic()
        if now - started > _STOP_SECONDS:
            raise ProcessFailed(
                f"the supervisor {holder.pid} has not stopped after {_STOP_SECONDS} s: "
                f"look at {data}/logs/supervisor.log, then run `kill -9 {holder.pid}`"
            )
        if now - told > _TELL_SECONDS:
            told = now
            tell(f"still stopping ({now - started:.0f} s)")
        time.sleep(0.05)
    return True


def _clear_leftovers(data: Path, tell: Callable[[str], None]) -> bool:
    if not (data / "run").is_dir():
        return False
    with held(data=data, checkout=data):
        left = end_leftovers(data=data)
        if (data / "postgres" / "cluster" / "postmaster.pid").exists():
            cluster = postgres.open_cluster(
                home=data / "postgres",
                copies=data / "software",
                password_file=data / "secrets" / "postgres-superuser",
            )
            if postgres.running_pid(cluster=cluster) is not None:
                left.append("postgres")
            postgres.clear_for_start(cluster=cluster)
    if left:
        tell(f"ended what a killed supervisor left running: {', '.join(left)}")
    return bool(left)
