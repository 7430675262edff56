"""The real supervisor with one addition: a process's next start can be given `AERODROME_CRASH`.

`python -P -m tests.support.armed_supervisor EVENTS_FD` runs the stack of `AERODROME_DATA`. A file
`run/crash-<process>` in the data folder arms the next start of that process, once: the restart after the
crash is an ordinary one. What dies is started again at once, however often: tests kill the same process
again and again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, KeysView, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from launcher import processes
from launcher.ground import Ground
from launcher.processes import ProcessSpec
from launcher.settings import read_settings
from launcher.stack import control_plane_processes, run_stack

CHECKOUT = Path(__file__).resolve().parents[2]


class ArmedOnce(Mapping[str, str]):
    """An environment that the supervisor reads at each start of its process."""

    def __init__(self, plain: Mapping[str, str], arming: Path) -> None:
        self._plain, self._arming = plain, arming
        self._now: dict[str, str] = dict(plain)

    def keys(self) -> KeysView[str]:
        self._now = dict(self._plain)
        with suppress(FileNotFoundError):
            self._now["AERODROME_CRASH"] = self._arming.read_text()
            self._arming.unlink()
        return self._now.keys()

    def __getitem__(self, name: str) -> str:
        return self._now[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._now)


def arming_file(*, data: Path, process: str) -> Path:
    """Where to write `point:nth` for the next start of this process."""
    return data / "run" / f"crash-{process}"


def _armed(ground: Ground) -> Sequence[ProcessSpec]:
    data = ground.settings.data
    return [
        replace(spec, environment=ArmedOnce(spec.environment, arming_file(data=data, process=spec.name)))
        for spec in control_plane_processes(ground)
    ]


def main(events: int) -> None:
    """Runs until SIGTERM; tells its progress as JSON lines, like `launcher.commands.supervise`."""
    os.set_inheritable(events, False)
    processes.BACKOFF_SECONDS = (0.0,)

    def send(key: str, value: Any) -> None:
        with suppress(OSError):
            os.write(events, (json.dumps({key: value}) + "\n").encode())

    try:
        run_stack(
            settings=read_settings(environment=os.environ, checkout=CHECKOUT),
            checkout=CHECKOUT,
            caller=os.environ,
            tell=lambda line: print(line, flush=True),
            on_ready=lambda facts: send("ready", facts),
            services=_armed,
        )
    except Exception as error:
        send("failed", str(error) or type(error).__name__)
        raise


if __name__ == "__main__":
    main(int(sys.argv[1]))
