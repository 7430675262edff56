"""Runs the stack for `up --detach` and `demo`, which read its progress from a pipe."""

from __future__ import annotations

import argparse
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from launcher.settings import read_settings
from launcher.stack import run_stack


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events-fd", type=int, required=True)


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    events = arguments.events_fd

    def send(key: str, value: Any) -> None:
        with suppress(OSError):  # who started us may be gone; the log has it all
            os.write(events, (json.dumps({key: value}) + "\n").encode())

    def tell(line: str) -> None:
        print(f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M:%S} {line}", flush=True)
        send("tell", line)

    def ready(facts: dict[str, Any]) -> None:
        tell(f"all processes are healthy, the web server is at {facts['base_url']}")
        send("ready", facts)

    os.set_inheritable(events, False)
    try:
        settings = read_settings(environment=os.environ, checkout=checkout)
        run_stack(settings=settings, checkout=checkout, caller=os.environ, tell=tell, on_ready=ready)
    except Exception as error:
        send("failed", str(error) or type(error).__name__)
        raise
    return 0
