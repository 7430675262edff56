"""Answers whether a process id still stands for a living process.

A killed daemon can stay a zombie for seconds where the init process reaps late; "signal 0 succeeds" then
says alive about something that will never run again. Everything in the launcher asks here instead.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil


def is_alive(*, pid: int, created_at: float | None = None) -> bool:
    """True when ``pid`` runs and is not a zombie.

    ``created_at`` (seconds since the epoch, as ``creation_time`` returns it) guards against a reused id:
    a process that was created at another time is not the one that was meant.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return False
        return created_at is None or abs(process.create_time() - created_at) < 1.0
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def creation_time(*, pid: int) -> float | None:
    """When ``pid`` was created, in seconds since the epoch, or None when it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def working_folder(*, pid: int) -> Path | None:
    """The folder ``pid`` works in, or None when it is gone or does not tell."""
    try:
        return Path(psutil.Process(pid).cwd())
    except psutil.Error:
        return None


def signal_if_alive(*, pid: int, signal_number: int) -> bool:
    """Sends the signal; False when the process is gone already."""
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return False
    return True


def kill_group(*, group: int) -> None:
    """Kills what is left of a process group. Does nothing when the group is empty."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_until_dead(*, pid: int, timeout_seconds: float, created_at: float | None = None) -> bool:
    """Waits for a process that is not our child. True when it ended within the time."""
    deadline = time.monotonic() + timeout_seconds
    while is_alive(pid=pid, created_at=created_at):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
