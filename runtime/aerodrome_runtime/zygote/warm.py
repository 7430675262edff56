"""Dummy tasks: they take Airflow's own way from `main()` to the end, with the answers written ahead.

The SDK reads the next frame without looking at its id, so the requests socket of a dummy only has to hold
enough empty answers. Nothing of a dummy leaves the process: logs go to descriptor 3 while it is /dev/null or
swallowed, environment and signal handlers are put back.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from aerodrome_runtime.zygote import differences, stdio
from aerodrome_runtime.zygote.dagfile import Loaded, UnpackedBundle
from aerodrome_runtime.zygote.orders import Place

ANSWERS = 24
DUMMY_DAG = "aerodrome_dummy"


def run_dummies() -> None:
    """In the base zygote: a task that returns a value, one that fails and retries, one with a template."""
    bag = _dummy_bag()
    for task_id in ("value", "value", "fails", "shell"):
        run_dummy(bag=bag, task_id=task_id)


def load_dummy_file() -> None:
    """Parse an empty bundle file once: the loader's own imports and caches are then everybody's."""
    import tempfile

    from aerodrome_runtime.zygote.dagfile import load

    with tempfile.TemporaryDirectory() as folder:
        source = f"from airflow.sdk import DAG\nwith DAG({DUMMY_DAG!r}, schedule='@daily'):\n    pass\n"
        Path(folder, "dummy.py").write_text(source)
        path = list(sys.path)
        load(Place(bundle_path=folder, dag_rel_path="dummy.py"))
        sys.path[:] = path


def run_dummy(*, bag: Any, task_id: str) -> None:
    """Run one dummy through `task_runner.main()`; afterwards the process is as before, only warmer."""
    from airflow.sdk.execution_time import task_runner
    from structlog.contextvars import clear_contextvars

    ours, theirs = socket.socketpair()
    theirs.sendall(_startup_frame(task_id) + _empty_answers())
    saved = {fd: os.dup(fd) for fd in (0, 1, 2, stdio.LOG_FD)}
    environment = dict(os.environ)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(ours.fileno(), 0)
    for fd in (1, 2, stdio.LOG_FD):
        os.dup2(null, fd)
    before, before_ours = differences.loaded, dict(differences.ours)
    differences.loaded = Loaded(
        place=Place(bundle_path="/"), bundle=UnpackedBundle(folder="/", name="dummy"), bag=bag, seconds=0.0
    )
    try:
        with suppress(SystemExit):
            task_runner.main()
    finally:
        with suppress(ValueError, OSError):
            sys.stdout.flush()
        differences.loaded = before
        differences.ours.clear()
        differences.ours.update(before_ours)
        for fd, copy in saved.items():
            os.dup2(copy, fd)
            os.close(copy)
        os.close(null)
        ours.close()
        theirs.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
        clear_contextvars()


def dummy_bag() -> Any:
    """The dummy DAG made in the base zygote, for a spare's own warm-up."""
    return _bag


_bag: Any = None


def _dummy_bag() -> Any:
    global _bag
    from types import SimpleNamespace

    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, task

    with DAG(DUMMY_DAG, schedule=None) as dag:

        @task
        def value(number: int = 1) -> dict[str, int]:
            return {"number": number}

        @task(retries=1)
        def fails() -> None:
            raise ValueError("a dummy fails")

        value()
        fails()
        BashOperator(task_id="shell", bash_command="exit {{ 0 if ti.try_number else 1 }}")
    _bag = SimpleNamespace(dags={DUMMY_DAG: dag})
    return _bag


def _startup_frame(task_id: str) -> bytes:
    import msgspec

    instant = "2026-01-01T00:00:00Z"
    body = {
        "type": "StartupDetails",
        "ti": {
            "id": "019b76da-0000-7000-8000-000000000000",
            "task_id": task_id,
            "dag_id": DUMMY_DAG,
            "run_id": "dummy",
            "try_number": 1,
            "dag_version_id": "019b76da-0000-7000-8000-000000000001",
            "map_index": -1,
        },
        "dag_rel_path": "dummy.py",
        "bundle_info": {"name": "dummy"},
        "start_date": instant,
        "sentry_integration": "",
        "ti_context": {
            "dag_run": {
                "dag_id": DUMMY_DAG,
                "run_id": "dummy",
                "logical_date": instant,
                "data_interval_start": instant,
                "data_interval_end": instant,
                "run_after": instant,
                "start_date": instant,
                "end_date": None,
                "run_type": "manual",
                "state": "running",
                "conf": {},
                "consumed_asset_events": [],
                "partition_key": None,
            },
            "max_tries": 1,
            "should_retry": True,
        },
        "aerodrome": {"title": "aerodrome-task warming"},
    }
    frame = msgspec.msgpack.encode([0, body])
    return len(frame).to_bytes(4, "big") + frame


def _empty_answers() -> bytes:
    import msgspec

    frame = msgspec.msgpack.encode([0])
    return (len(frame).to_bytes(4, "big") + frame) * ANSWERS
