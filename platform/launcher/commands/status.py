"""Shows what runs: address, database, data folder, every process with its pid and health.

Exit status 0 when everything is healthy, 3 otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from launcher.settings import read_settings
from launcher.status_file import read_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="everything as one JSON object, with the databases' passwords"
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    data = read_settings(environment=os.environ, checkout=checkout).data
    status = read_status(data=data, now=time.time())
    if arguments.json:
        print(json.dumps(status, indent=2))
    else:
        _show(status)
    return 0 if status["state"] == "running" else 3


def _show(status: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"state      {status['state']}")
    if "base_url" in status:
        database = status["database"]
        where = "embedded" if database["embedded"] else "external"
        console.print(f"address    {status['base_url']}")
        console.print(f"database   Postgres {database['version']}, {where}")
    console.print(f"data       {status['data_dir']}", soft_wrap=True)
    if not status["processes"]:
        return
    table = Table("process", "pid", "health", "up", "restarts", "log", box=None, pad_edge=False)
    colours = {"healthy": "green", "starting": "yellow", "dead": "red"}
    for row in status["processes"]:
        health = f"[{colours[row['health']]}]{row['health']}[/]"
        log = Path(row["log"]).name
        up = _duration(row["uptime_seconds"])
        table.add_row(row["name"], str(row["pid"] or "-"), health, up, str(row["restarts"]), log)
    console.print()
    console.print(table)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
