"""Runs one DAG to its end with Airflow's own `dag.test()`. `python -m aerodrome_runtime.local.run_dag`, in a runtime.

Reads a `LocalRun` as JSON from stdin, prints the tasks' logs and then their states. Exit status 0: the run ended
in success; 1: it did not, or the DAG could not be loaded. Airflow wants a database for that: it is a file in
`home`, a folder that the caller makes and takes away. Started by `./aerodrome dags test`.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec

_QUIET = (
    "airflow.api_fastapi=ERROR airflow.sdk.definitions.dag=WARNING airflow.models=WARNING alembic=WARNING"
)
"""Airflow's own talk about the run; what tasks say is told."""


class LocalRun(msgspec.Struct, kw_only=True):
    """`connections` and `variables` are files as Airflow reads them (JSON, YAML or .env); empty for none."""

    bundle: str
    dag_id: str
    home: str
    conf: dict[str, Any] = {}
    logical_date: str = ""
    connections: str = ""
    variables: str = ""


def main() -> int:
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=LocalRun)
    root = Path(order.bundle)
    _configure(order, root)
    warnings.simplefilter("ignore")
    from aerodrome_runtime.shim.install import install

    install()
    from airflow.utils.db import initdb

    initdb()
    from aerodrome_runtime.parse.paths import add_bundle_paths

    add_bundle_paths(bundle_root=root)
    dag, failures = _find(root, order.dag_id)
    if dag is None:
        print(f"there is no DAG {order.dag_id!r} in {root}", file=sys.stderr)
        for path, error in failures:
            print(f"  {path}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    run = dag.test(
        run_conf=order.conf,
        conn_file_path=order.connections or None,
        variable_file_path=order.variables or None,
        **_logical_date(order.logical_date),
    )
    return _tell(run)


def _configure(order: LocalRun, root: Path) -> None:
    """Airflow reads its environment when it is imported: before that."""
    home = Path(order.home)
    folder = root / "dags" if (root / "dags").is_dir() else root
    bundles = [
        {
            "name": "dags",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
    ]
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(folder),
        AIRFLOW__CORE__UNIT_TEST_MODE="False",
        AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=f"{home}/logs",
        AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps(bundles),
        AIRFLOW__LOGGING__NAMESPACE_LEVELS=_QUIET,
        PYTHONDONTWRITEBYTECODE="1",
    )
    sys.dont_write_bytecode = True
    if (root / "plugins").is_dir():
        os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(root / "plugins")


def _find(root: Path, dag_id: str) -> tuple[Any, list[tuple[str, BaseException]]]:
    """The DAG, from the files that name it first; or None and what went wrong in the files."""
    from aerodrome_runtime.parse.candidates import find_dag_files
    from aerodrome_runtime.parse.load import load_dags

    paths = find_dag_files(root)
    paths.sort(key=lambda path: dag_id.encode() not in (root / path).read_bytes())
    failures: list[tuple[str, BaseException]] = []
    for path in paths:
        loaded = load_dags(bundle_root=root, path=path)
        if dag_id in loaded.dags:
            return loaded.dags[dag_id], []
        failures += [(path, error) for error, _ in loaded.errors]
    return None, failures


def _logical_date(text: str) -> dict[str, Any]:
    if not text:
        return {}
    from airflow.sdk import timezone

    return {"logical_date": timezone.parse(text)}


def _tell(run: Any) -> int:
    instances = sorted(
        run.get_task_instances(), key=lambda ti: (ti.start_date is None, str(ti.start_date), ti.task_id)
    )
    sys.stdout.flush()
    print()
    for ti in instances:
        name = ti.task_id if ti.map_index < 0 else f"{ti.task_id} [{ti.map_index}]"
        took = f"{ti.duration:8.1f} s" if ti.duration is not None else ""
        print(
            f"  {ti.state or 'none'!s:16} {name:40} {f'try {ti.try_number}' if ti.start_date else '':8}{took}"
        )
    print(f"{run.dag_id}  {run.state!s}")
    return 0 if str(run.state) == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
