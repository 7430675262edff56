"""Starts the supervisor as a process of its own and waits until the stack is healthy.

The supervisor tells its progress over a pipe, one JSON object a line: ``{"tell": …}``, ``{"ready": facts}`` or
``{"failed": …}``. ``up --detach`` lets it live on; ``demo`` ties it to itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from launcher.child import die_with_parent
from launcher.data_folder import find_holder, lay_out
from launcher.log_files import last_lines, open_log, trim_log
from launcher.settings import read_settings
from launcher.stop import stop_stack


class StackDidNotStart(Exception):
    """The supervisor ended before the stack was healthy; the message says why."""


@dataclass(frozen=True)
class RunningStack:
    """A healthy stack. ``facts`` are those of ``status --json`` without state and processes."""

    checkout: Path
    data: Path
    base_url: str
    facts: Mapping[str, Any]


def start_detached(
    *, checkout: Path, environment: Mapping[str, str], tell: Callable[[str], None], tied: bool = False
) -> RunningStack:
    """Starts the stack in the background and returns when every process is healthy.

    ``tied``: the stack is stopped when this process ends, however it ends. Raises ``StackDidNotStart`` with
    the last lines of the log of what failed, or ``SettingWrong``.
    """
    data = read_settings(environment=environment, checkout=checkout).data
    lay_out(data=data)
    log_file = data / "logs" / "supervisor.log"
    trim_log(path=log_file)
    read_end, write_end = os.pipe()
    with open_log(path=log_file) as log, os.fdopen(read_end) as events:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "launcher", "supervise", "--events-fd", str(write_end)],
                cwd=checkout, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[write_end],
                preexec_fn=die_with_parent(signal.SIGTERM, parent=os.getpid()) if tied else None,
            )  # fmt: skip
        finally:
            os.close(write_end)
        facts = _follow(events, tell)
    if facts is None:
        child.wait()
        raise StackDidNotStart(
            f"the supervisor ended early. The end of {log_file}:\n{last_lines(path=log_file)}"
        )
    child.returncode = 0  # it lives on by design; nobody waits for it here
    return RunningStack(checkout=checkout, data=data, base_url=facts["base_url"], facts=facts)


@contextmanager
def running_stack(
    *, checkout: Path, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[RunningStack]:
    """The stack that runs already, left as it is; or one started for the block and stopped at its end."""
    from launcher.status_file import read_status

    data = read_settings(environment=environment, checkout=checkout).data
    if find_holder(data=data) is not None:
        facts = read_status(data=data, now=0)
        if facts["state"] not in ("running", "degraded"):
            raise StackDidNotStart(f"the stack on {data} is {facts['state']}: try again in a moment")
        tell(f"using the stack that runs on {data}")
        yield RunningStack(checkout=checkout, data=data, base_url=facts["base_url"], facts=facts)
        return
    stack = start_detached(checkout=checkout, environment=environment, tell=tell, tied=True)
    try:
        yield stack
    finally:
        stop_stack(data=data, tell=tell)


def _follow(events: IO[str], tell: Callable[[str], None]) -> dict[str, Any] | None:
    for line in events:
        event = json.loads(line)
        if "tell" in event:
            tell(event["tell"])
        elif "ready" in event:
            return dict(event["ready"])
        else:
            raise StackDidNotStart(event["failed"])
    return None
