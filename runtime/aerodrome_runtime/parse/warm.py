"""What a zygote does once, so that no parse child pays for it: measured, a first parse costs 40 to 60 ms more."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from pathlib import Path

_MODULES = (
    "airflow.dag_processing.importers.python_importer",
    "airflow.sdk.execution_time.task_runner",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.bash",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.python",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.standard.sensors.external_task",
    "aerodrome_runtime.parse.candidates",
    "aerodrome_runtime.parse.child",
    "aerodrome_runtime.parse.failures",
    "aerodrome_runtime.shim.stand_ins",
)

_FILE = """
from datetime import datetime, timedelta
from airflow.decorators import dag, task
from airflow.operators.bash import BashOperator
from airflow.sdk import DAG, TaskGroup

with DAG("aerodrome_warm", schedule="0 4 * * 1-5", start_date=datetime(2024, 1, 1)) as warm:
    @task
    def one():
        return [1]

    with TaskGroup("group"):
        BashOperator(task_id="shell", bash_command="true")
    BashOperator.partial(task_id="mapped").expand(bash_command=["true"])
    one()

DAG("aerodrome_warm_delta", schedule=timedelta(days=1), start_date=datetime(2024, 1, 1))
"""


def warm() -> None:
    """Import what a parse uses and parse one trusted file. Before: `shim.install`. Leaves no file behind.

    Call it in a base zygote, before any tenant's bundle is known: the process stays free of tenant code.
    """
    import sys

    for name in _MODULES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    from aerodrome_runtime.parse.child import parse_file

    before = list(sys.path), set(sys.modules)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "warm.py").write_text(_FILE)
        told = parse_file(bundle_root=Path(folder), path="warm.py")
    sys.path[:] = before[0]
    for name in set(sys.modules) - before[1]:
        if name.startswith("unusual_prefix_"):
            del sys.modules[name]
    if told.failures:
        raise WarmingFailed(told.failures[0].stacktrace)


class WarmingFailed(RuntimeError):
    """This Airflow cannot parse the file we warm it with: nothing of a tenant's would parse either."""
