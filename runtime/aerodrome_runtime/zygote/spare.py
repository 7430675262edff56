"""A spare child: forked ahead of time, it loads its DAG file, warms itself and waits for one task.

Before: the child is jailed (or alone in its session) and holds four descriptors. After: the process has ended.
Follows `supervisor._fork_main` around `task_runner.main()`; where it differs, a comment says why.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

from aerodrome_runtime.zygote import adopt, dagfile, differences, readiness, stdio, warm
from aerodrome_runtime.zygote.orders import Fork
from aerodrome_runtime.zygote.title import set_title


def run_spare(order: Fork, fds: list[int]) -> None:
    """Role `spare` of the base zygote. `fds`: requests, logs, stdout, stderr."""
    requests, logs, stdout, stderr = fds
    stdio.attach(requests=requests, logs=logs, stdout=stdout, stderr=stderr)
    run_loaded(order, load=True)


def run_lent(order: Fork, fds: list[int]) -> None:
    """Role `spare` of a DAG zygote: the file is loaded, the jail is the zygote's, uid and home are its own."""
    requests, logs, stdout, stderr = fds
    stdio.attach(requests=requests, logs=logs, stdout=stdout, stderr=stderr)
    adopt.environment(order.environment)
    adopt.path_of(order.place)
    os.chdir(order.environment["HOME"])
    run_loaded(order, load=False)


def run_loaded(order: Fork, *, load: bool) -> NoReturn:
    """The rest of a spare's life, once its descriptors are in place. `load` is False below a DAG zygote."""
    _reset_signals()
    started = time.monotonic()
    if load:
        adopt.environment(order.environment)
        adopt.runtime(order.place)
        # Airflow parses with the ORM blocked as well: `_fork_main` blocks before `main()` parses.
        adopt.block_orm()
        differences.loaded = dagfile.load_ahead(order.place)
        # Airflow's importer leaves a Python handler for SIGSEGV; a real fault would then spin for ever.
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    if hasattr(atexit, "_clear"):
        atexit._clear()
    if order.warm:
        warm.run_dummy(bag=warm.dummy_bag(), task_id="value")
    set_title(order.title)
    readiness.tell(loaded=differences.loaded, seconds=time.monotonic() - started)
    _run_to_exit()


def _run_to_exit() -> NoReturn:
    from airflow.sdk.execution_time.task_runner import main

    try:
        main()
        _exit(0)
    except SystemExit as error:
        code = 1
        if isinstance(error.code, int):
            code = error.code
        elif error.code:
            print(error.code, file=sys.stderr)
        _exit(code)
    except Exception:
        # Airflow's "last chance" handler has a duplicate of stderr; here the binary below sys.stderr is ours.
        import traceback

        with suppress(Exception):
            os.write(2, b"--- Supervised process Last chance exception handler ---\n")
            os.write(2, traceback.format_exc().encode())
        _exit(126)


def _exit(code: int) -> NoReturn:
    with suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)


def _reset_signals() -> None:
    sys.excepthook = sys.__excepthook__
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
