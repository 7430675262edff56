"""What a base zygote holds: everything a task needs on its way, imported, run once, and frozen.

Measured: the first use in a fresh child of something the zygote never ran costs 320 ms in sum; after one dummy
task in the zygote it is 9 to 18 ms.
"""

from __future__ import annotations

import gc
import platform
import sys
import traceback
import warnings
from pathlib import Path

from aerodrome_runtime.zygote.orders import Ready
from aerodrome_runtime.zygote.title import set_title


class NotSingleThreaded(Exception):
    """A library started a thread in the zygote: forking now could copy a held lock."""


def import_everything() -> None:
    """Import the Task SDK and what its tasks touch, with the collector off (Instagram's order: load, then freeze)."""
    gc.disable()
    warnings.simplefilter("ignore", DeprecationWarning)
    import encodings.idna  # noqa: F401

    import airflow.dag_processing.dagbag
    import airflow.sdk
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner
    import airflow.sdk.execution_time.timeout
    import airflow.sdk.execution_time.xcom
    import airflow.sdk.serde  # noqa: F401

    for name in (
        "airflow.providers.standard.decorators.python",
        "airflow.providers.standard.decorators.bash",
        "airflow.providers.standard.operators.python",
        "airflow.providers.standard.operators.bash",
        "airflow.providers.standard.operators.empty",
        "airflow.providers.standard.operators.trigger_dagrun",
        "airflow.providers.standard.sensors.external_task",
        "airflow.providers.standard.sensors.date_time",
    ):
        try:
            __import__(name)
        except ModuleNotFoundError as error:
            print(f"base zygote: {name} left out: {error}", file=sys.stderr)
    warnings.resetwarnings()
    _install_shim()


def _install_shim() -> None:
    """Let Airflow 2-era files run as written; the shim is trusted code and belongs below every tenant."""
    try:
        from aerodrome_runtime.shim.install import install

        install()
    except Exception:
        # Modern files run without it: one broken rule of the shim must not stop every task.
        print("base zygote: the compatibility shim could not be installed", file=sys.stderr)
        traceback.print_exc()


def warm_and_freeze() -> None:
    """Run the dummy tasks once, collect, freeze, gather: what lives now is shared by every child."""
    from aerodrome_runtime.zygote import differences, hugepages, tasklogs, warm

    tasklogs.configure()
    differences.install()
    _warm_parser()
    warm.load_dummy_file()
    warm.run_dummies()
    set_title("aerodrome-zygote base")
    gc.collect()
    gc.freeze()
    hugepages.collapse()


def _warm_parser() -> None:
    try:
        from aerodrome_runtime.parse.warm import warm

        warm()
    except Exception:
        print("base zygote: the parser could not be warmed", file=sys.stderr)
        traceback.print_exc()


def prove_single_threaded() -> None:
    threads = list(Path("/proc/self/task").iterdir())
    if len(threads) > 1:
        raise NotSingleThreaded(f"{len(threads)} threads in the base zygote; it must fork from one")


def describe(*, seconds: float) -> Ready:
    import airflow

    return Ready(
        airflow=airflow.__version__,
        python=platform.python_version(),
        seconds=seconds,
        modules=len(sys.modules),
    )
