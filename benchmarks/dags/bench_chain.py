"""40 linear tasks. Each returns the instants (CLOCK_REALTIME, ns) of its first and its last line."""

from __future__ import annotations

import time
from datetime import datetime

from airflow.sdk import dag, task


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@dag(dag_id="bench_chain", schedule=None, start_date=datetime(2026, 1, 1), catchup=False)
def bench_chain():
    before = None
    for number in range(40):

        @task(task_id=f"t{number:02}")
        def step():
            started = time.time_ns()
            fib(10)
            return [started, time.time_ns()]

        step_ = step()
        if before is not None:
            before >> step_
        before = step_


bench_chain()
