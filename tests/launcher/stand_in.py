"""A program for tests: supervises a table of stand-in processes and prints what happens, one JSON a line.

``table FILE``: a bare table, as JSON. ``stack FOLDER``: a whole stack on a data folder, with the embedded
servers and one stand-in service in place of the control plane.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from launcher.processes import ProcessFailed, ProcessSpec
from launcher.settings import read_settings
from launcher.stack import Ground, run_stack
from launcher.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]


def say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def changed(supervisor: Supervisor) -> None:
    processes = {
        process.spec.name: [process.state, process.pid, process.restarts] for process in supervisor.processes
    }
    say(state=supervisor.state, processes=processes)


def run_table(file: Path) -> None:
    specs = []
    for row in json.loads(file.read_text()):
        probe_file = row.pop("ready_file", None)
        command = (sys.executable, "-c", row.pop("program"))
        more = {"probe": Path(probe_file).exists} if probe_file else {}
        after = tuple(row.pop("after", ()))
        log_file = file.parent / f"{row['name']}.log"
        specs.append(
            ProcessSpec(
                command=command, environment={}, folder=file.parent, log_file=log_file, after=after,
                **more, **row,
            )
        )  # fmt: skip
    Supervisor(
        specs, on_change=changed, on_ready=lambda: say(ready=True), tell=lambda line: say(tell=line)
    ).run()


def run_whole_stack(data: Path) -> None:
    environment = {**os.environ, "AERODROME_DATA": str(data)}

    def services(ground: Ground) -> tuple[ProcessSpec, ...]:
        after = tuple(spec.name for spec in ground.backing.table)
        command = (sys.executable, "-c", "import time\nwhile True: time.sleep(60)")
        return (ProcessSpec("web", command, {}, Path("/"), data / "logs" / "web.log", after=after),)

    run_stack(
        settings=read_settings(environment=environment, checkout=ROOT),
        checkout=ROOT,
        caller=environment,
        tell=lambda line: say(tell=line),
        on_ready=lambda facts: say(ready=facts),
        services=services,
    )


if __name__ == "__main__":
    kind, place = sys.argv[1:]
    try:
        {"table": run_table, "stack": run_whole_stack}[kind](Path(place))
    except ProcessFailed as error:
        say(failed=str(error))
        sys.exit(1)
