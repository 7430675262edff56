"""How an exit becomes a state: `ActivitySubprocess.final_state`, plus a word for what really happened. Pure."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ending:
    """What is known when a child is gone."""

    exit_code: int | None
    signal: int | None
    peak_bytes: int = 0
    memory_limit_bytes: int | None = None
    memory_killed: bool = False
    stopped: str | None = None
    """Why the agent ended it, if it did: what the control plane said, or `timeout`."""
    refused: str | None = None
    """The control plane could not take what the task wrote."""
    zygote_lost: bool = False


@dataclass(frozen=True)
class Outcome:
    state: str
    died: dict[str, Any] | None
    message: str | None
    """A line for the task's log; None when the exit needs no word."""
    level: str = "error"


def conclude(*, ending: Ending, should_retry: bool) -> Outcome:
    """The state of an attempt whose process ended without a state that the control plane accepted."""
    if ending.exit_code == 0 and not ending.stopped and not ending.refused:
        return Outcome(state="success", died=None, message=None)
    reason, message, level = _reason(ending)
    died = {
        "reason": reason,
        "exit_code": ending.exit_code,
        "signal": ending.signal,
        "limit": ending.memory_limit_bytes if reason == "memory" else None,
        "peak_bytes": ending.peak_bytes,
        "message": message,
    }
    return Outcome("up_for_retry" if should_retry else "failed", died, message, level)


def _reason(ending: Ending) -> tuple[str, str, str]:
    if ending.stopped == "timeout":
        return "timeout", "Task exceeded its wall-clock limit and was terminated.", "error"
    if ending.stopped:
        return "stopped", f"Task was stopped: {ending.stopped}", "error"
    if ending.refused:
        return "refused", f"What the task wrote could not be stored: {ending.refused}", "error"
    if ending.memory_killed:
        limit = ending.memory_limit_bytes
        shown = f" of {limit // (1024 * 1024)} MiB" if limit else ""
        return (
            "memory",
            f"Task exceeded memory limit{shown} and was killed by SIGKILL "
            f"(peak {ending.peak_bytes // (1024 * 1024)} MiB).",
            "critical",
        )
    if ending.zygote_lost:
        return "zygote", "Task ended because the process that held its DAG file was lost.", "error"
    if ending.signal is not None:
        name = _signal_name(ending.signal)
        hint = " Likely out of memory error (OOM)." if ending.signal == signal.SIGKILL else ""
        level = "critical" if ending.signal in (signal.SIGKILL, signal.SIGSEGV) else "error"
        return "signal", f"Task killed by {name}. Process terminated by signal.{hint}", level
    return "exit", f"Process exited abnormally with exit code {ending.exit_code}", "warning"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
