"""A DAG zygote: one file of one bundle version, loaded once, in a jail; its forks are attempts.

Before: this child of the base zygote is jailed and was lent a block of uids (`jail.lending`). It then runs
tenant code, so from here on nothing it says is trusted beyond its own attempts. After: the process has ended,
and the end of its pid namespace has ended every fork of it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
from pathlib import Path

from aerodrome_runtime.zygote import adopt, dagfile, differences, stdio
from aerodrome_runtime.zygote.orders import Fork, Ready
from aerodrome_runtime.zygote.serve import serve
from aerodrome_runtime.zygote.spare import run_lent
from aerodrome_runtime.zygote.title import set_title


def run_dags(order: Fork, fds: list[int]) -> None:
    """Role `dags` of the base zygote. `fds`: control socket, logs, stdout, stderr."""
    control, logs, stdout, stderr = fds
    stdio.attach(requests=None, logs=logs, stdout=stdout, stderr=stderr, result=control)
    os.set_inheritable(stdio.RESULT_FD, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    set_title(order.title)
    started = time.monotonic()
    adopt.environment(order.environment)
    adopt.runtime(order.place)
    adopt.block_orm()
    gc.disable()
    differences.loaded = dagfile.load_ahead(order.place)
    # Airflow's importer leaves a Python handler for SIGSEGV; a real fault would then spin for ever.
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    gc.collect()
    gc.freeze()
    ready = Ready(
        airflow="",
        python="",
        seconds=time.monotonic() - started,
        modules=len(sys.modules),
        threads=len(list(Path("/proc/self/task").iterdir())) if os.access("/proc/self/task", os.R_OK) else 1,
    )
    serve(control=socket.socket(fileno=stdio.RESULT_FD), roles={"spare": run_lent}, ready=ready)
    os._exit(0)
