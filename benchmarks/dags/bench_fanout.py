"""One no-op, mapped over as many items as the run's conf says (1,000 when it says nothing)."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task


@dag(
    dag_id="bench_fanout",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_tasks=64,
)
def bench_fanout():
    @task
    def items(**context):
        return list(range(int((context["dag_run"].conf or {}).get("items", 1000))))

    @task
    def nothing(item):
        return None

    nothing.expand(item=items())


bench_fanout()
