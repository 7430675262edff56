"""What the running stack says about itself: the supervisor writes it; ``status``, ``down`` and tests read it.

The file holds the databases' URLs with passwords, so it is readable by its owner only.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from launcher import pids
from launcher.data_folder import find_holder
from launcher.passwords import refresh
from launcher.processes import ManagedProcess

_HEALTH = {"healthy": "healthy", "starting": "starting", "waiting": "starting", "dead": "dead"}


def write_status(
    *, data: Path, state: str, facts: Mapping[str, Any], processes: Sequence[ManagedProcess]
) -> None:
    """Replaces the status file. ``facts`` are what does not change while the stack runs."""
    content = {
        "state": state,
        **facts,
        "processes": [
            {
                "name": process.spec.name,
                "pid": process.pid,
                "health": _HEALTH.get(process.state, "dead"),
                "restarts": process.restarts,
                "started_at": process.started_at,
                "created_at": process.created_at,
                "log": str(process.spec.log_file),
            }
            for process in processes
            if process.state != "finished"
        ],
    }
    path = _path(data)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    temporary.rename(path)


def read_status(*, data: Path, now: float) -> dict[str, Any]:
    """The stack's status with what is true now: a process is healthy only if it is alive, passwords are today's.

    ``now``: seconds since the epoch, for the uptimes. Without a supervisor the state is "stopped".
    """
    content = _load(data)
    holder = find_holder(data=data)
    if holder is None or not content:
        return {"state": "starting" if holder else "stopped", "data_dir": str(data), "processes": []}
    for process in content["processes"]:
        created_at, started_at = process.pop("created_at"), process.pop("started_at")
        pid = process["pid"]
        alive = pid is not None and pids.is_alive(pid=pid, created_at=created_at)
        if not alive and process["health"] == "healthy":
            process["health"] = "dead"
        process["uptime_seconds"] = round(now - started_at, 1) if alive else 0.0
    content["supervisor_pid"] = holder.pid
    for part, files in content.pop("password_files", {}).items():
        refresh(content[part], files)
    return content


def end_leftovers(*, data: Path, grace_seconds: float = 10) -> list[str]:
    """Ends processes of an earlier supervisor that was killed; returns their names.

    Only the holder of the data folder may call this. Postgres is left to ``clear_for_start``.
    """
    left = []
    for process in _load(data).get("processes", []):
        pid, created_at = process["pid"], process["created_at"]
        if pid is None or process["name"] == "postgres" or created_at is None:
            continue
        if pids.is_alive(pid=pid, created_at=created_at):
            pids.signal_if_alive(pid=pid, signal_number=15)
            left.append((process["name"], pid, created_at))
    deadline = time.monotonic() + grace_seconds
    for _, pid, created_at in left:
        rest = max(0.0, deadline - time.monotonic())
        if not pids.wait_until_dead(pid=pid, created_at=created_at, timeout_seconds=rest):
            pids.kill_group(group=pid)
            pids.signal_if_alive(pid=pid, signal_number=9)
    return [name for name, _, _ in left]


def _path(data: Path) -> Path:
    return data / "run" / "status.json"


def _load(data: Path) -> dict[str, Any]:
    try:
        content = json.loads(_path(data).read_text())
    except FileNotFoundError:
        return {}
    return content if isinstance(content, dict) else {}
