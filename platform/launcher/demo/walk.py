"""The walk of `./aerodrome demo`: sign up, build the runtime, push, watch every task, print the table."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console

from launcher.demo.http import DemoRefused, Door
from launcher.demo.push import push_folder
from launcher.demo.table import differences, live_view, print_result, write_json
from launcher.demo.tenant import sign_up
from launcher.demo.watch import trigger, wait_for_dags, watch
from launcher.detached import RunningStack

_RUNTIME_SECONDS = 600.0
_RUN_SECONDS = 300.0


def run_demo(*, stack: RunningStack, exit_after: bool, json_path: Path | None) -> int:
    """0 when every run ended as `examples/expected.json` says, 1 otherwise. `exit_after` is the caller's to obey."""
    console = Console() if sys.stdout.isatty() else Console(width=160)

    def tell(line: str) -> None:
        print(f"  {line}", file=sys.stderr, flush=True)

    examples = stack.checkout / "examples"
    told = json.loads((examples / "expected.json").read_text(encoding="utf-8"))
    expected = told["dags"]
    door = Door(base_url=stack.base_url)
    try:
        tenant = sign_up(door=door)
        tell(f"signed up tenant {tenant.slug}")
        for name, pool in told.get("pools", {}).items():
            door.call("POST", f"{tenant.api_path}/pools", {"name": name, **pool})
        tell(f"pushing examples/ to {tenant.git_remote}")
        push_folder(folder=examples, remote=tenant.git_remote, token=tenant.git_token, tell=tell)
        wait_for_dags(door=door, tenant=tenant, wanted=set(expected), tell=tell, seconds=_RUNTIME_SECONDS)
        runs = trigger(door=door, tenant=tenant, dag_ids=sorted(expected))
        with live_view(console=console) as show:
            watch(door=door, tenant=tenant, runs=runs, show=show, seconds=_RUN_SECONDS)
    except DemoRefused as refused:
        tell(f"the demo stopped: {refused}")
        tell(f"logs are in {stack.data / 'logs'}")
        return 1
    wrong = differences(runs=runs, expected=expected)
    print_result(console=console, runs=runs, expected=expected, tenant=tenant, base_url=stack.base_url)
    for line in wrong:
        tell(f"not as expected: {line}")
    if json_path is not None:
        write_json(
            path=json_path, runs=runs, expected=expected, tenant=tenant, base_url=stack.base_url, wrong=wrong
        )
    return 1 if wrong else 0
