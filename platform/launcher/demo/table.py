"""What the demo shows and writes: a live view while runs go on, the table at the end, the JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from launcher.demo.tenant import DemoTenant
from launcher.demo.watch import Watched

_COLOURS = {
    "success": "green",
    "failed": "red",
    "running": "cyan",
    "queued": "yellow",
    "upstream_failed": "magenta",
}


def differences(*, runs: list[Watched], expected: dict[str, Any]) -> list[str]:
    """What did not end as `examples/expected.json` says, a sentence each."""
    out = []
    for run in runs:
        wanted = expected[run.dag_id]
        if run.state != wanted["state"]:
            out.append(f"{run.dag_id}: the run is {run.state}, expected {wanted['state']}")
        for task_id, state in wanted["tasks"].items():
            if run.tasks.get(task_id) != state:
                out.append(f"{run.dag_id}.{task_id}: {run.tasks.get(task_id)}, expected {state}")
    return out


@contextmanager
def live_view(*, console: Console) -> Iterator[Callable[[list[Watched]], None]]:
    """On a terminal a table that changes in place; elsewhere a line per change."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            yield lambda runs: live.update(_table(runs, {}))
        return
    said: dict[str, str] = {}

    def tell(runs: list[Watched]) -> None:
        for run in runs:
            line = f"{run.dag_id}: {run.state} ({_counts(run)})"
            if said.get(run.dag_id) != line:
                said[run.dag_id] = line
                console.print(f"  {line}", highlight=False)

    yield tell


def print_result(
    *, console: Console, runs: list[Watched], expected: dict[str, Any], tenant: DemoTenant, base_url: str
) -> None:
    """The last table, the API's URL and the login."""
    console.print(_table(runs, expected))
    console.print(f"API       {base_url}{tenant.api_path}", highlight=False)
    console.print(f"login     {tenant.username}  {tenant.password}", highlight=False)
    console.print(f"git       {tenant.git_remote}  (token {tenant.git_token})", highlight=False)


def write_json(
    *,
    path: Path,
    runs: list[Watched],
    expected: dict[str, Any],
    tenant: DemoTenant,
    base_url: str,
    wrong: list[str],
) -> None:
    """The same as data. The login is in it, so only its owner may read the file."""
    rows = [
        {
            "dag_id": run.dag_id,
            "run_id": run.run_id,
            "state": run.state,
            "expected": expected[run.dag_id]["state"],
            "tasks": run.tasks,
            "tasks_by_state": dict(run.by_state),
            "duration_seconds": run.duration_seconds,
        }
        for run in runs
    ]
    body = {
        "base_url": base_url,
        "api_url": f"{base_url}{tenant.api_path}",
        "tenant": tenant.slug,
        "login": {"username": tenant.username, "password": tenant.password},
        "git": {"remote": tenant.git_remote, "token": tenant.git_token},
        "runs": rows,
        "ok": not wrong,
        "differences": wrong,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _table(runs: list[Watched], expected: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("DAG", "run", "state", "tasks by state"):
        table.add_column(name)
    table.add_column("seconds", justify="right")
    for run in runs:
        colour = _COLOURS.get(run.state, "white")
        wanted = expected.get(run.dag_id, {}).get("state")
        note = " (as expected)" if wanted == run.state == "failed" else ""
        seconds = "" if run.duration_seconds is None else f"{run.duration_seconds:.2f}"
        table.add_row(run.dag_id, run.run_id, f"[{colour}]{run.state}[/]{note}", _counts(run), seconds)
    return table


def _counts(run: Watched) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(run.by_state.items()))
