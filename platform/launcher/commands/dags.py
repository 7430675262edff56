"""Runs a DAG here, without a stack: ./aerodrome dags test PATH DAG_ID.

In the runtime that the folder's requirements.txt asks for, as this user, without a jail. Connections and variables
come from the environment (AIRFLOW_CONN_..., AIRFLOW_VAR_...) or from files. Nothing is kept.
Exit status 0: the run ended in success; 1: it did not; 2: it could not be started.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from launcher.settings import read_settings

_NOT_PASSED_ON = ("PYTHON", "AERODROME_", "VIRTUAL_ENV")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("test",))
    parser.add_argument("path", type=Path, help="the bundle's root")
    parser.add_argument("dag_id")
    parser.add_argument("--conf", type=json.loads, default={}, metavar="JSON", help="the run's conf")
    parser.add_argument("--logical-date", default="", metavar="DATE", help="by default now")
    parser.add_argument(
        "--connections", type=Path, metavar="FILE", help="JSON, YAML or .env, as Airflow reads it"
    )
    parser.add_argument("--variables", type=Path, metavar="FILE", help="JSON, YAML or .env")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    from launcher.validate.refusals import REFUSALS
    from launcher.validate.rehearsal import Rehearsal

    settings = read_settings(environment=os.environ, checkout=checkout)
    root = arguments.path.absolute()
    tell = lambda line: print(f"  {line}", file=sys.stderr, flush=True)  # noqa: E731
    try:
        rehearsal = Rehearsal(
            root=root, settings=settings, checkout=checkout, environment=os.environ, tell=tell
        )
        runtime = rehearsal.find_runtime()
    except REFUSALS as error:
        print(f"aerodrome: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="aerodrome-dags-test-") as home:
        order = {
            "bundle": str(root),
            "dag_id": arguments.dag_id,
            "home": home,
            "conf": arguments.conf,
            "logical_date": arguments.logical_date,
            "connections": str(arguments.connections.absolute()) if arguments.connections else "",
            "variables": str(arguments.variables.absolute()) if arguments.variables else "",
        }
        return subprocess.run(
            [str(runtime / "bin" / "python"), "-P", "-m", "aerodrome_runtime.local.run_dag"],
            input=json.dumps(order).encode(), cwd=root, env=_environment(checkout, runtime), check=False,
        ).returncode  # fmt: skip


def _environment(checkout: Path, runtime: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    return kept | {
        "PYTHONPATH": f"{checkout / 'runtime'}:{checkout / 'platform'}",
        "PATH": f"{runtime / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(runtime),
    }
